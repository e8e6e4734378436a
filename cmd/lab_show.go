package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/term"
)

func newLabStatusCmd() *cobra.Command {
	var name string
	var out output
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show your labs, or the nodes of one",
		Example: "  oneping lab status\n  oneping lab status --json | jq -r '.[].nodes[] | select(.ready) | .name'",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			names := []string{name}
			if name == "" {
				var err error
				if names, err = lab.List(); err != nil {
					return err
				}
			}
			list := []lab.Status{}
			for _, name := range names {
				status, err := lab.GetStatus(name)
				if err != nil {
					return err
				}
				list = append(list, status)
			}
			return out.print(c, list, func(w io.Writer) error { return writeLabs(w, list) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the lab; without it all of your labs")
	out.bind(cmd, ": a list of labs")
	return cmd
}

func writeLabs(out io.Writer, list []lab.Status) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "no lab is up")
		return err
	}
	for i, status := range list {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := writeLab(out, status); err != nil {
			return err
		}
	}
	return nil
}

func writeLab(out io.Writer, s lab.Status) error {
	mode := "root"
	if s.Rootless {
		mode = "no root"
	}
	fmt.Fprintf(out, "lab %s  up %s  %s\n", s.Name, time.Since(s.Started).Round(time.Second), mode)
	for _, link := range s.Links {
		fmt.Fprintf(out, "link %s  %s\n", link.Name, link.Shape)
	}
	t := &term.Table{Empty: "-"}
	t.Row("NODE", "STATE", "PID", "USER", "ADDRESSES")
	for _, node := range s.Nodes {
		t.Row(node.Name, labState(node), labNumber(node.PID), node.User, labAddresses(node))
	}
	if err := t.Print(out); err != nil {
		return err
	}
	if s.Target.IsValid() {
		fmt.Fprintf(out, "from the laptop: %s lab exec%s laptop -- oneping trace %s\n", called(), labName(s.Name), s.Target)
	}
	for _, node := range s.Nodes {
		if node.State == lab.StateExited {
			fmt.Fprintf(out, "%s ended by itself; see %s lab logs --name %s %s\n", node.Name, called(), s.Name, node.Name)
		}
	}
	return nil
}

// labName is the flag that names a lab, where one is needed.
func labName(name string) string {
	if name == "" || name == lab.DefaultName {
		return ""
	}
	return " --name " + name
}

func labState(n lab.NodeStatus) string {
	switch {
	case n.State == lab.StateRunning && n.Linked != nil && !*n.Linked:
		return term.Bad("link down")
	case n.State == lab.StateRunning && n.Ready:
		return term.Good("ready")
	case n.State == lab.StateExited && n.ExitCode != nil:
		return term.Bad(fmt.Sprintf("exited (%d)", *n.ExitCode))
	}
	return string(n.State)
}

func labNumber(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func labAddresses(n lab.NodeStatus) string {
	var parts []string
	for _, device := range n.Devices {
		for _, prefix := range device.Addrs {
			parts = append(parts, prefix.String())
		}
	}
	return strings.Join(parts, " ")
}
