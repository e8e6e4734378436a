package term

import (
	"os"

	"golang.org/x/sys/windows"
)

// paints asks the console to understand escape sequences; older ones do not.
func paints(f *os.File, term string) bool {
	console := windows.Handle(f.Fd())
	var mode uint32
	return term != "dumb" && windows.GetConsoleMode(console, &mode) == nil &&
		windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
