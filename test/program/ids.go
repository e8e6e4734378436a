package program

import (
	"regexp"
	"slices"
	"strings"
)

// IDs gives the ids of connectors, devices and tunnels, and those of denials, stand-ins in the order
// in which they are seen, so that a transcript names the same ones at each run. What is typed with a
// stand-in is about the id that it stands for. The zero value has seen none.
type IDs struct {
	nodes, denials []string
}

// What stands for the first id that is seen, for the second, and so on.
var (
	standInNodes = []string{
		"kcjsn7eeklkpxfwn", "tp7nvluopw7w53n6", "a4mzqk3vdy2hxw6c", "r5wd7oxb2ijgn4ue",
		"yb6fqz4lt3hka7ms", "g2vpxn5ced7jo4rl", "m7tk3wqysz6hfa2d", "u4jxo2nbgl5ve6pi",
		"c3hdrw7uq5yzk2ob", "x6lfe4tnvj7sap3g", "w2gkz5mci6rdy4qt", "o7bsu3xhnf5lpe6a",
	}
	standInDenials = []string{SomeDenial, "b7091e8d4c2f6a35", "2c9e40f71ab8d653", "e1864a0b9d7f3c52"}
)

// nodeID finds an id where the commands print one: in a line's first column, or behind what it is of.
var nodeID = regexp.MustCompile(`(?m)(?:^|\bid +|\b(?:device|connector|tunnel|client)(?:[ :/]|":"))([a-z2-7]{16})\b`)

// Hide replaces every id in what was printed.
func (i *IDs) Hide(text string) string {
	for _, id := range DecisionID.FindAllString(text, -1) {
		i.denials = seen(i.denials, id)
	}
	for _, m := range nodeID.FindAllStringSubmatch(text, -1) {
		i.nodes = seen(i.nodes, m[1])
	}
	return replace(replace(text, i.denials, standInDenials), i.nodes, standInNodes)
}

// Show replaces every stand-in in what is to be typed.
func (i *IDs) Show(command string) string {
	return replace(replace(command, standInDenials, i.denials), standInNodes, i.nodes)
}

// seen returns the ids with one more, if it is not among them.
func seen(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// replace puts into a text, for each of some words, the one at the same place of others.
func replace(text string, words, others []string) string {
	var pairs []string
	for n := range min(len(words), len(others)) {
		pairs = append(pairs, words[n], others[n])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
