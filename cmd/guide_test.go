package cmd

import "testing"

func TestCommandLine(t *testing.T) {
	if got := commandLine("oneping", "edge", "run", "--state-dir", "/my edge", "--hop", "fd00::1", "it's"); got != `oneping edge run --state-dir '/my edge' --hop fd00::1 'it'\''s'` {
		t.Error(got)
	}
}
