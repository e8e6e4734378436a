package obs

import (
	"os"
	"time"
)

// writable says yes: Windows does not tell of a pipe whether a write would wait.
func writable(*os.File, time.Duration) bool { return true }
