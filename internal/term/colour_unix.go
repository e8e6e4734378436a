//go:build unix

package term

import "os"

// paints says whether a terminal of this kind shows colours.
func paints(_ *os.File, term string) bool { return term != "" && term != "dumb" }
