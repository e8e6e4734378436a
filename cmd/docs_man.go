package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

// manual is a man page that is no command's.
type manual struct {
	name    string
	section int
	short   string
	file    string // of docs/; "" = body
	body    string // Markdown, its sections of level 2
}

// manuals are the pages of the sections 5 and 7. What they say stands in docs/ and in the
// configuration files that we ship, and nowhere else.
func manuals() []manual {
	list := []manual{
		{name: "oneping-policy", section: 5, short: "who may reach what through oneping", file: "policy.md"},
		{name: "oneping-troubleshooting", section: 7, short: "read a path through oneping, line by line", file: "troubleshooting.md"},
	}
	for _, role := range []proto.Role{proto.RoleEdge, proto.RoleConnector, proto.RoleClient} {
		list = append(list, manual{
			name: "oneping-" + string(role) + ".yaml", section: 5, short: "configuration file of the oneping " + string(role),
			body: settings(role, service.Sample(role)),
		})
	}
	return list
}

// settings makes a page of a configuration file that explains itself: above a key stands what it is.
func settings(role proto.Role, sample string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## FILE\n\n%s\n\n## DESCRIPTION\n", conf.Default(string(role)))
	keys, text := false, false
	for line := range strings.Lines(sample) {
		line = strings.TrimRight(line, "\n")
		prose, isProse := strings.CutPrefix(line, "# ")
		switch {
		case line == "#" && !keys:
			b.WriteString("\n## KEYS\n\n")
			keys, text = true, false
		case line == "#":
			b.WriteString("\n")
			text = false
		case isProse && strings.HasPrefix(prose, "  "):
			b.WriteString("\n    " + strings.TrimSpace(prose) + "\n")
		case isProse:
			b.WriteString(prose + "\n")
			text = true
		default: // a key
			if text {
				b.WriteString("\n")
			}
			b.WriteString("    " + strings.TrimPrefix(line, "#") + "\n")
			text = false
		}
	}
	fmt.Fprintf(&b, "\n## SEE ALSO\n\n**oneping-%s(1)**, **oneping-%s-config-check(1)**\n", role, role)
	return b.String()
}

// writeManuals writes the pages into dir; docs is the folder docs/ of the source.
func writeManuals(dir, docs, version string) error {
	date, err := manDate()
	if err != nil {
		return err
	}
	for _, m := range manuals() {
		body := m.body
		if m.file != "" {
			text, err := os.ReadFile(filepath.Join(docs, m.file))
			if err != nil {
				return fmt.Errorf("read documentation: %w", err)
			}
			body = asManual(string(text))
		}
		page := fmt.Sprintf("%% %q %q %q %q %q\n# NAME\n%s \\- %s\n\n%s", strings.ToUpper(m.name), fmt.Sprint(m.section), date, "oneping "+version, "oneping", m.name, m.short, body)
		path := filepath.Join(dir, fmt.Sprintf("%s.%d", m.name, m.section))
		if err := os.WriteFile(path, md2man.Render([]byte(page)), 0o644); err != nil {
			return fmt.Errorf("write man page: %w", err)
		}
	}
	return nil
}

// manDate is the date of man pages: $SOURCE_DATE_EPOCH, or today.
func manDate() (string, error) {
	at := time.Now()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return "", fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
		}
		at = time.Unix(seconds, 0)
	}
	return at.UTC().Format("Jan 2006"), nil
}

// asManual makes the body of a man page of a page of docs/: what stands before its first section is
// the description, and a link is its words.
func asManual(page string) string {
	_, body, _ := strings.Cut(page, "\n") // the title is in NAME
	link := regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	fence := regexp.MustCompile("(?m)^```.+$")
	return "## DESCRIPTION\n\n" + lists(link.ReplaceAllString(fence.ReplaceAllString(body, "```"), "$1"))
}

// lists makes a list of each table: troff lays out tables as wide as their texts. What a row begins
// with is the term, the other cells are what is said of it; from the third on each has its title.
func lists(page string) string {
	var b strings.Builder
	var titles []string
	verbatim := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			verbatim = !verbatim
		}
		row := !verbatim && strings.HasPrefix(line, "|")
		switch cells := strings.Split(strings.Trim(line, "| \n"), " | "); {
		case !row:
			b.WriteString(line)
			titles = nil
		case titles == nil:
			titles = cells
		case strings.HasPrefix(line, "|-"):
		default:
			b.WriteString("\n" + cells[0] + "\n")
			for i, c := range cells[1:] {
				if i > 0 && i+1 < len(titles) {
					c = "*" + titles[i+1] + "*: " + c
				}
				b.WriteString(": " + c + "\n")
			}
		}
	}
	return b.String()
}

// writeCommandPages writes the page of each command into dir.
func writeCommandPages(cmd *cobra.Command, dir string) error {
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := writeCommandPages(c, dir); err != nil {
			return err
		}
	}
	cmd.InitDefaultVersionFlag() // of oneping itself: cobra adds it when it runs
	header := &doc.GenManHeader{Section: "1", Source: "oneping " + cmd.Root().Version, Manual: "oneping"}
	var page bytes.Buffer
	if err := doc.GenMan(cmd, header, &page); err != nil {
		return fmt.Errorf("write man page: %w", err)
	}
	path := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	if err := os.WriteFile(path, plainFlags(page.Bytes()), 0o644); err != nil {
		return fmt.Errorf("write man page: %w", err)
	}
	return nil
}

// plainFlags takes the values out of flags that want none: nobody writes --help=false.
func plainFlags(page []byte) []byte {
	return regexp.MustCompile(`\[=(true|false)\]`).ReplaceAll(page, nil)
}
