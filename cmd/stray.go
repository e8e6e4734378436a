package cmd

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkValues has the values of the flags of each command below cmd looked at before its arguments.
func checkValues(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		checkValues(sub)
		if args := sub.Args; args != nil {
			sub.Args = func(c *cobra.Command, words []string) error {
				if err := oddValue(c); err != nil {
					return err
				}
				return args(c, words)
			}
		}
	}
}

// oddValue refuses what the flags of a command line can have by mistake alone: the next flag for a
// value, or nothing, from a variable that is not set, where a file or directory is to be.
func oddValue(c *cobra.Command) error {
	var wrong error
	c.Flags().Visit(func(f *pflag.Flag) {
		if wrong != nil || f.Value.Type() != "string" {
			return
		}
		name, _ := pflag.UnquoteUsage(f)
		value := f.Value.String()
		next, _, _ := strings.Cut(strings.TrimPrefix(value, "--"), "=")
		switch {
		case value == "" && slices.Contains([]string{"FILE", "DIR", "NAME"}, name):
			wrong = wrongUse(fmt.Errorf("--%s is empty: is a variable not set?", f.Name),
				fmt.Sprintf("write --%s %s, or leave it out", f.Name, name))
		case strings.HasPrefix(value, "--") && c.Flags().Lookup(next) != nil:
			wrong = wrongUse(fmt.Errorf("--%s needs a value, and got the flag %s", f.Name, value),
				fmt.Sprintf("write --%s %s %s", f.Name, name, value))
		}
	})
	return wrong
}

// stray says where a word belongs that stands where c takes no argument: behind a flag that takes
// such a value; or how c is written.
func stray(c *cobra.Command, word string) string {
	if f := c.Flags().Lookup(word); f != nil && f.NoOptDefVal != "" {
		return "did you mean --" + word + "?"
	}
	var fits []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if name, _ := pflag.UnquoteUsage(f); !f.Changed && !f.Hidden && looksLike(name, word) {
			fits = append(fits, f.Name)
		}
	})
	if len(fits) == 0 {
		return seeHelp(c)
	}
	flag := fits[0]
	if ext := filepath.Ext(word); ext == ".yaml" || ext == ".yml" {
		if i := slices.IndexFunc(fits, func(n string) bool { return n == "config" || n == "file" }); i >= 0 {
			flag = fits[i]
		}
	} else if flag == "config" {
		if ext != "" && len(fits) == 1 {
			return seeHelp(c)
		}
		flag = fits[len(fits)-1]
	}
	return "did you mean --" + flag + " " + word + "?"
}

// swapped refuses two arguments in the wrong order, where what they are says so.
func swapped(c *cobra.Command, names, args []string) error {
	if len(names) != 2 || looksLike(names[0], args[0]) || !looksLike(names[0], args[1]) {
		return nil
	}
	return wrongUse(fmt.Errorf("%s takes %s, and got %s %s", c.CommandPath(), strings.Join(names, " "), args[0], args[1]),
		"did you mean "+c.CommandPath()+" "+args[1]+" "+args[0]+"?")
}

// looksLike says whether word may be a value that a flag's help calls name.
func looksLike(name, word string) bool {
	var err error
	switch name {
	case "FILE":
		_, not := netip.ParsePrefix(word)
		ext := strings.TrimPrefix(filepath.Ext(word), ".")
		_, number := strconv.Atoi(ext)
		return not != nil && number != nil && !strings.ContainsAny(word, "@:") && (ext != "" || strings.Contains(word, "/"))
	case "PREFIX":
		_, err = netip.ParsePrefix(word)
	case "ADDRESS":
		_, err = netip.ParseAddr(word)
	case "HOST:PORT":
		_, port, split := net.SplitHostPort(word)
		if split != nil {
			return false
		}
		_, err = strconv.ParseUint(port, 10, 16)
	case "USER":
		return strings.Contains(word, "@")
	case "N", "BYTES":
		_, err = strconv.Atoi(word)
	case "DURATION":
		_, err = time.ParseDuration(word)
	default:
		return false
	}
	return err == nil
}
