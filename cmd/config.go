package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// configHelp is the help of --config.
func configHelp(role proto.Role) string {
	return "configuration `FILE`; flags win over it (default " + conf.Default(string(role)) + ", where it exists and --state-dir is not given)"
}

// stateDirHelp says where a role keeps its state; who reads it may be another user, on another
// machine.
func stateDirHelp(role proto.Role) string {
	return fmt.Sprintf("(default /var/lib/oneping/%s as root, ~/.local/state/oneping/%s as a user)", role, role)
}

// configPath returns the configuration file to read: the one that was named, else the default one;
// "" is none.
func configPath(cmd *cobra.Command, named string, role proto.Role) string {
	if named != "" || cmd.Flags().Changed("state-dir") {
		return named
	}
	return conf.Find(string(role))
}

// readConfig reads the file of a role, where there is one: the named one, else the default one. It
// puts the file's path into named, "" for none. Flags are laid over it with over and overList.
func readConfig[File any](cmd *cobra.Command, role proto.Role, named *string, load func(path string) (File, error)) (File, error) {
	var file File
	if *named = configPath(cmd, *named, role); *named == "" {
		return file, nil
	}
	file, err := awaited(cmd, *named, func() (File, error) { return load(*named) })
	if cmd.Context().Err() != nil {
		return file, err
	}
	if err != nil {
		return file, badConfig(cmd, *named, err)
	}
	return file, nil
}

// over returns the value of a flag that was given or that the file has no value for, else the
// file's.
func over[T any](cmd *cobra.Command, flag string, value, file T) T {
	if cmd.Flags().Changed(flag) || reflect.ValueOf(&file).Elem().IsZero() {
		return value
	}
	return file
}

// overList is over for a repeated flag, whose words are still to be read; want says how they are
// written.
func overList[T any](cmd *cobra.Command, flag, want string, words []string, file []T, parse func(string) (T, error)) ([]T, error) {
	if !cmd.Flags().Changed(flag) {
		return file, nil
	}
	var out []T
	for _, w := range words {
		v, err := parse(w)
		if err != nil {
			return nil, wrongUse(fmt.Errorf("--%s %q: want %s", flag, w, want), helpOf(cmd))
		}
		out = append(out, v)
	}
	return out, nil
}

// badConfig makes a usage error of a setting that makes no sense, with its own hint, and with its line
// where it comes from the file.
func badConfig(cmd *cobra.Command, file string, err error) error {
	if field, ok := errors.AsType[*conf.FieldError](err); !ok || !givenByFlag(cmd, field.Field) {
		err = conf.Locate(file, err)
	}
	return wrongUse(err, cmp.Or(advice.Of(err), helpOf(cmd)))
}

// givenByFlag says whether a flag was given that wins over a key of the file: state_dir is
// --state-dir, hops a repeated --hop.
func givenByFlag(cmd *cobra.Command, key string) bool {
	flag := strings.ReplaceAll(key, "_", "-")
	return cmd.Flags().Changed(flag) || cmd.Flags().Changed(strings.TrimSuffix(flag, "s"))
}

// newLogger returns the logger of a role, whose level comes from the file or a flag.
func newLogger(role proto.Role, level string) (*zap.Logger, error) {
	log, err := obs.NewLogger(level)
	if err != nil {
		return nil, conf.BadField(string(role), "log_level", err.Error(), "leave it out for info")
	}
	return log, nil
}

// stateDirOf returns the directory that was named, else the default one of this user.
func stateDirOf(role proto.Role, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if dir := process.StateDir(role); dir != "" {
		return dir, nil
	}
	return "", conf.BadField(string(role), "state_dir", "there is no default: this process has no home ($HOME is not set)",
		"name a directory with --state-dir or state_dir, or set HOME")
}

// newConfigCmd returns "config check" of a role. bind adds the flags of run to it; build does what
// run does before it starts anything, and returns the file that it has read, "" for none.
func newConfigCmd(role proto.Role, bind func(*cobra.Command), build func(*cobra.Command) (string, error)) *cobra.Command {
	check := &cobra.Command{
		Use:     "check",
		Short:   "Read the configuration as run does and say what is wrong",
		Example: "  oneping " + string(role) + " config check --config " + conf.Default(string(role)),
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := build(c)
			if err != nil {
				return err
			}
			word := path + ": good"
			if path == "" {
				word = "no configuration file: the defaults hold"
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), word)
			return err
		},
	}
	bind(check)
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration file", Args: exactArgs()}
	cmd.AddCommand(check)
	return cmd
}
