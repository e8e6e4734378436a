package lab

import "fmt"

// DefaultPolicy returns the policy of a lab that is given none, which is the one of README with the
// lab's prefixes: alice reaches the private subnet by what paths are looked at with, by name service
// and TCP; nobody else has a grant.
func DefaultPolicy(inner [2]string) string {
	return fmt.Sprintf(`groups:
  eng: [%s]
grants:
  - id: eng-office
    who: [group:eng]
    to: [%s, "%s"]
    how: [trace, "udp:53", "tcp:*"]
`, User(0), inner[0], inner[1])
}
