package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"

	"github.com/oneping/oneping/proto"
)

const adminHint = "run it in a command prompt that was opened as administrator"

// systemOnly gives a file to the system and to administrators (SDDL): what lies in
// ProgramData everyone may read otherwise.
const systemOnly = "D:P(A;;FA;;;SY)(A;;FA;;;BA)"

// WhereItSays returns how the log of a role's service is read.
func WhereItSays(role proto.Role) string {
	return "look for " + Name(role) + " in the event viewer, Windows logs, Application"
}

// protect closes the file of a token to everyone but the system and administrators.
func protect(h *host, path string) error {
	if h.dry {
		return nil
	}
	sd, err := windows.SecurityDescriptorFromString(systemOnly)
	if err != nil {
		return err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(h.path(path), windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
}

// Supervised runs f, under the service manager where that has started this process as the service
// of role: a stop ends f's context, an end of f ends the service, and what f writes to standard
// error goes to the event log.
func Supervised(ctx context.Context, role string, f func(context.Context) int) int {
	if service.Interactive() {
		return f(ctx)
	}
	p := &supervised{run: f, done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(ctx)
	defer p.cancel()
	s, err := manager(p, definition{Name: Name(proto.Role(role))})
	if err == nil {
		err = p.redirect(s)
	}
	if err == nil {
		err = s.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oneping: error:", err)
		return 1
	}
	return p.code
}

// supervised is one run of a role under the service manager.
type supervised struct {
	run    func(context.Context) int
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	code   int // of run; read it after done
}

// Start starts the role. When it ends by itself the process does too, with its exit code, so that
// the service manager starts it again.
func (p *supervised) Start(service.Service) error {
	go func() {
		p.code = p.run(p.ctx)
		close(p.done)
		if p.ctx.Err() == nil {
			os.Exit(p.code)
		}
	}()
	return nil
}

// Stop ends the role and waits for it.
func (p *supervised) Stop(service.Service) error {
	p.cancel()
	<-p.done
	return nil
}

// redirect sends each line of standard error to the event log.
func (p *supervised) redirect(s service.Service) error {
	log, err := s.SystemLogger(nil)
	if err != nil {
		return fmt.Errorf("open the event log: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	os.Stderr = w
	go logLines(r, log)
	return nil
}

func logLines(r io.Reader, log service.Logger) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_ = log.Info(lines.Text()) // there is nowhere to say that this failed
	}
	_, _ = io.Copy(io.Discard, r) // a line that is too long must not stop the role
}

// Log returns the command that shows the last lines of the logs of the services of roles; the event
// log cannot be followed with one command.
func Log(roles []proto.Role, lines int, _ bool) []string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = Name(role)
	}
	return []string{"powershell", "-NoProfile", "-Command", fmt.Sprintf(
		"Get-EventLog -LogName Application -Source %s -Newest %d | Sort-Object Index | Format-Table -Wrap TimeGenerated, Message",
		strings.Join(names, ","), lines)}
}
