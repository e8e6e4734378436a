package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/lab"
)

func newLabUpCmd() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a lab and leave it running",
		Long: `up starts what "oneping lab -- COMMAND" starts and leaves it running, until
"oneping lab down" or until this machine ends. Several labs run beside each other,
each with a --name. With --bare nothing of oneping runs in it: start the roles by
hand, in a shell of each node.`,
		Example: "  oneping lab up\n  oneping lab up --name two --routers 2 --laptops 2\n  oneping lab up --bare",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			opts, err := flags.options()
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := lab.Up(c.Context(), opts, newProgress()); err != nil {
				return err
			}
			suffix := ""
			if opts.Name != "" && opts.Name != lab.DefaultName {
				suffix = " --name " + opts.Name
			}
			if opts.Bare {
				_, err = fmt.Fprintf(c.OutOrStdout(), "bare lab up in %.1f s; its edge is to listen at %[3]s:7844\n\n  %[4]s lab shell%[2]s edge\n  %[4]s lab shell%[2]s connector\n  %[4]s lab shell%[2]s laptop\n  %[4]s lab down%[2]s\n",
					time.Since(begin).Seconds(), suffix, lab.EdgeV4, called())
				return err
			}
			server, _ := lab.Server(opts.Routers)
			_, err = fmt.Fprintf(c.OutOrStdout(), "lab up in %.1f s\n\n  %[4]s lab exec%[2]s laptop -- ping %[3]s\n  %[4]s lab shell%[2]s laptop\n  %[4]s lab down%[2]s\n",
				time.Since(begin).Seconds(), suffix, server, called())
			return err
		},
	}
	flags.bind(cmd)
	return cmd
}

func newLabDownCmd() *cobra.Command {
	var name string
	var all bool
	cmd := bindLabName(&cobra.Command{
		Use:     "down",
		Short:   "End a lab; nothing is left of it",
		Example: "  oneping lab down\n  oneping lab down --all",
		Args:    exactArgs(),
		RunE: func(_ *cobra.Command, _ []string) error {
			if !all {
				return lab.Down(name)
			}
			names, err := lab.List()
			for i := 0; err == nil && i < len(names); i++ {
				err = lab.Down(names[i])
			}
			return err
		},
	}, &name)
	cmd.Flags().BoolVar(&all, "all", false, "end all of your labs")
	return cmd
}
