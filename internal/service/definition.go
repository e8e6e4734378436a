package service

import "fmt"

// definition is what launchd and the Windows service manager are told of a role.
type definition struct {
	Name, DisplayName, Description, Executable string
	Arguments                                  []string
	Options                                    map[string]any // of kardianos/service
}

// define returns the definition of cfg's service; token says that there is a file with its token.
func define(cfg Config, token bool) definition {
	d := definition{
		Name:        Name(cfg.Role),
		DisplayName: "oneping " + string(cfg.Role),
		Description: fmt.Sprintf("The %s of a private network that tells the truth about its path.", cfg.Role),
		Executable:  cfg.Executable,
		Arguments:   []string{string(cfg.Role), "run"},
		Options: map[string]any{
			// launchd: at boot, again whenever it ends, with its log in /var/log/NAME.err.log.
			"RunAtLoad": true, "KeepAlive": true, "LogOutput": true,
			// Windows: at boot, again 5 s after a failure; a day without one forgives the earlier
			// ones.
			"StartType": "automatic", "OnFailure": "restart", "OnFailureDelayDuration": "5s", "OnFailureResetPeriod": 86400,
		},
	}
	if token {
		d.Arguments = append(d.Arguments, "--token-file", TokenPath(cfg.Role))
	}
	return d
}
