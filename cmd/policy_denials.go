package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/term"
)

func newPolicyDenialsCmd() *cobra.Command {
	var a adminFlags
	var user string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "denials",
		Short: "List what was denied, to whom and how often",
		Long: `denials sums up what the edge has denied since it was started, the newest first:
one line for each user, destination and service. A service is written as a grant
would allow it; trace stands for the probes of traceroute, tracepath and mtr. The
decision is the id of the last of them, for "oneping policy explain"; a device that
has had enough answers gets no more ids, and what it is denied is counted. More than 32
ports of one destination are one line, the range that they are in: tcp:1-65535. It
lists 4,096 lines at most, 512 of one user, the last of which sums up the oldest,
without a destination: others. The edge's log has them, too, as "denied".`,
		Example: "  oneping policy denials\n  oneping policy denials --user alice@example.com --since 1h",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			now, from := time.Now(), time.Time{}
			if since > 0 {
				from = now.Add(-since)
			}
			list, err := a.edge().Denials(c.Context(), user, from)
			if err != nil {
				return err
			}
			return a.print(c, list, func(w io.Writer) error {
				if len(list) == 0 {
					hint(c, "nothing was denied since then, or since the edge was started; its log has what was before: denied")
					return nil
				}
				return writeDenials(w, list)
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "only what was denied to `USER`")
	cmd.Flags().DurationVar(&since, "since", 0, "only what was denied within a `DURATION` such as 30m or 24h")
	return a.bind(cmd)
}

func writeDenials(w io.Writer, list []policy.Denied) error {
	t := &term.Table{Empty: "-"}
	t.Row("USER", "DESTINATION", "SERVICE", "COUNT", "FIRST", "LAST", "DECISION")
	for _, d := range list {
		dst := ""
		if d.Dst.IsValid() { // others have none
			dst = d.Dst.String()
		}
		id := ""
		if d.ID != 0 { // nobody heard of them: the device had had enough answers
			id = d.ID.String()
		}
		t.Row(d.User, dst, d.Service, fmt.Sprint(d.Count), term.Second(d.First), term.Second(d.Last), id)
	}
	return t.Print(w)
}
