package program

// ForEach is a shell script that runs the command do for each process of oneping on this node whose
// command line contains text; $p is its directory in /proc.
func ForEach(text, do string) string {
	return `for p in /proc/[0-9]*; do
	case "$(readlink $p/exe) $(tr '\0' ' ' <$p/cmdline)" in */oneping\ *"` + text + `"*) ` + do + `;; esac
done 2>/dev/null; true`
}
