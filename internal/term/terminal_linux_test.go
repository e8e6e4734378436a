package term

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// newTerminal returns both ends of a pseudo-terminal of so many columns.
func newTerminal(t *testing.T, columns uint16) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns})
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// A person sees colours and no line that is too wide; who reads a pipe sees neither.
func TestTableOnATerminal(t *testing.T) {
	for _, c := range []struct {
		noColor, term string
		columns       uint16
		want          string
	}{
		{"", "xterm", 80, "link  \x1b[32mup\x1b[m for 3h to an edge that is far away\r\n"},
		{"", "xterm", 30, "link  \x1b[32mup\x1b[m for 3h to an edge\r\n      that is far away\r\n"},
		{"1", "xterm", 80, "link  up for 3h to an edge that is far away\r\n"},
		{"", "dumb", 80, "link  up for 3h to an edge that is far away\r\n"},
		{"", "", 30, "link  up for 3h to an edge\r\n      that is far away\r\n"},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		person, program := newTerminal(t, c.columns)
		if got := Columns(program); got != int(c.columns) {
			t.Errorf("%d columns, want %d", got, c.columns)
		}
		var tab Table
		tab.Row("link", Good("up")+" for 3h to an edge that is far away")
		if err := tab.Print(program); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(c.want))
		if _, err := io.ReadFull(person, got); err != nil || string(got) != c.want {
			t.Errorf("NO_COLOR=%q TERM=%q, %d columns: %v, %q, want %q", c.noColor, c.term, c.columns, err, got, c.want)
		}
	}
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	var tab Table
	tab.Row("link", Good("up")+" for 3h to an edge that is far away")
	if err := tab.Print(write); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	if got, err := io.ReadAll(read); err != nil || string(got) != "link  up for 3h to an edge that is far away\n" || Columns(write) != 0 {
		t.Errorf("a pipe: %v, %q", err, got)
	}
}
