package cmd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
)

// completeWithin is how long a shell waits for what a running edge or lab knows.
const completeWithin = time.Second

// offer returns the values that a shell completes, each with what it is, behind a tab.
type offer func(ctx context.Context, c *cobra.Command) []string

// offerValues has the shell complete the values of arguments and flags of root and all below it: what
// an argument is called in Use, and the value of a flag in its help, says what it is. Where that is
// no file, no file is offered.
func offerValues(root *cobra.Command) {
	for _, c := range root.Commands() {
		offerValues(c)
	}
	if root.ValidArgsFunction == nil && root.Runnable() {
		root.ValidArgsFunction = offerArgs(root)
	}
	root.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			return
		}
		name, _ := pflag.UnquoteUsage(f)
		_ = root.RegisterFlagCompletionFunc(f.Name, offerFlag(f.Name, name)) // there is none yet
	})
}

// offerArgs completes the arguments of c.
func offerArgs(c *cobra.Command) cobra.CompletionFunc {
	names := argNames(c)
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		at := len(args)
		if last := len(names) - 1; last >= 0 && at > last && strings.HasSuffix(names[last], "…") {
			at = last
		}
		if at >= len(names) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		name := strings.Trim(names[at], "[]…")
		if name == "COMMAND" || name == "FILE" {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return offered(c, valuesOf(c, name), args, begun)
	}
}

// argNames returns what the arguments of c are called in its Use.
func argNames(c *cobra.Command) []string {
	switch c.CommandPath() {
	case "oneping policy explain": // its Use shows two ways
		return []string{"SRC", "PROTO", "DST"}
	case "oneping lab":
		return []string{"COMMAND…"}
	}
	var names []string
	for i, word := range strings.Fields(c.Use) {
		switch {
		case i == 0 || word == "[flags]" || word == "--":
		case word == "|" || strings.HasPrefix(word, "-"): // a flag in their place, or one that is wanted
			return names
		default:
			names = append(names, word)
		}
	}
	return names
}

// valuesOf returns what an argument of that name may be.
func valuesOf(c *cobra.Command, name string) offer {
	noun := c.Parent().CommandPath()
	switch name {
	case "NAME", "TUNNEL":
		if c.Name() == "create" || name == "NAME" && noun != "oneping tunnel" {
			return nil // a new one
		}
		return tunnels
	case "ID":
		return map[string]offer{"oneping device": devices, "oneping connector": connectors, "oneping token": tokens}[noun]
	case "PREFIX":
		if c.Name() == "add" {
			return nil
		}
		return map[string]offer{"oneping route": routes, "oneping route capture": captured}[noun]
	case "USER", "SRC":
		return users
	case "PROTO":
		return fixed("icmp", "tcp", "udp")
	case "NODE":
		return nodes
	}
	return nil
}

// offerFlag completes the value of a flag, which its help calls value.
func offerFlag(flag, value string) cobra.CompletionFunc {
	switch value {
	case "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case "FILE":
		if flag == "config" || flag == "file" || flag == "policy" {
			return cobra.FixedCompletions([]string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt)
		}
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		return offered(c, flagValues(c, flag), args, begun)
	}
}

// flagValues returns what the value of a flag may be.
func flagValues(c *cobra.Command, flag string) offer {
	switch flag {
	case "log-level":
		return fixed("debug", "info", "warn", "error")
	case "unreachable":
		return fixed("answer", "silent")
	case "lan":
		return fixed(client.LANAllow, client.LANDeny)
	case "hops":
		return fixed(string(connector.HopsTrue), string(connector.HopsSingle))
	case "icmp":
		return fixed("auto", "ping", "raw")
	case "pmtudisc":
		return fixed("do", "dont", "want", "probe")
	case "user":
		return users
	case "name":
		return labs
	}
	return nil
}

// offered asks for values and leaves out those that do not go on as begun, or stand there already.
func offered(c *cobra.Command, values offer, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if values == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completeWithin)
	defer cancel()
	answer := make(chan []string, 1)
	go func() { answer <- values(ctx, c) }() // who hangs is left behind: a lab is asked without ctx
	select {
	case <-ctx.Done():
		return nil, cobra.ShellCompDirectiveNoFileComp
	case all := <-answer:
		return slices.DeleteFunc(all, func(v string) bool {
			word, _, _ := strings.Cut(v, "\t")
			return !strings.HasPrefix(word, begun) || slices.Contains(args, word)
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

// fixed offers what is always the same.
func fixed(list ...string) offer {
	return func(context.Context, *cobra.Command) []string { return slices.Clone(list) }
}

// unquoteHelp takes the marks out of the help of flags, by which it names their values: a shell would
// show them.
func unquoteHelp(root *cobra.Command) {
	for _, c := range root.Commands() {
		unquoteHelp(c)
	}
	root.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
}
