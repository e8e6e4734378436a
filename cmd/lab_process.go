package cmd

import (
	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/lab/holder"
)

// newLabHiddenCmds are the processes of a lab; it starts them itself.
func newLabHiddenCmds() []*cobra.Command {
	run := &cobra.Command{
		Use: "holder", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return holder.Run(c.Context()) },
	}
	var id int
	var raw bool
	drop := &cobra.Command{
		Use: "drop -- COMMAND…", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return holder.Drop(c.Context(), id, raw, args) },
	}
	drop.Flags().IntVar(&id, "id", 0, "user and group to become")
	drop.Flags().BoolVar(&raw, "raw", false, "keep CAP_NET_RAW")
	var shape string
	var seed uint64
	link := &cobra.Command{
		Use: "link", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			parsed, err := lab.ParseShape(shape)
			if err != nil {
				return err
			}
			return holder.RunLink(c.Context(), parsed, seed)
		},
	}
	link.Flags().StringVar(&shape, "shape", "", "delay, jitter, loss, rate")
	link.Flags().Uint64Var(&seed, "seed", 1, "seed of losses and jitters")
	var follow bool
	tail := &cobra.Command{
		Use: "tail FILE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return lab.Tail(c.Context(), args[0], follow, c.OutOrStdout())
		},
	}
	tail.Flags().BoolVar(&follow, "follow", false, "keep showing what is added")
	return []*cobra.Command{run, drop, link, tail}
}
