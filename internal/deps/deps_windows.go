package deps

import _ "golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
