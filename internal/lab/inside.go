package lab

import "path/filepath"

// Dir is the lab's own directory. It exists only in the lab's mount
// namespace: the root there is a tmpfs that shows the host's top-level
// directories and this one beside them.
const Dir = "/oneping-lab"

// ConnectorID is the user and group that the connector is where the lab has more than one user.
const ConnectorID = 65534

// LogPath is where the output of a node's role goes, inside the lab.
func LogPath(node string) string { return filepath.Join(Dir, "log", node+".log") }
