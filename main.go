// Command oneping is a self-hosted Zero Trust private network that tells the
// truth about its path: client, edge, connector and a lab with all three, in
// one binary.
package main

import (
	"os"

	"github.com/oneping/oneping/cmd"
)

// version is stamped by the release build.
var version = "dev"

func main() { os.Exit(cmd.Main(version, os.Args[1:])) }
