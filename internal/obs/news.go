package obs

// News remembers what was last said about each subject, so that a failure that
// repeats is logged once. The zero value is ready; not safe for concurrent use.
type News struct {
	said map[string]string
}

// Is says whether text is not what was last said about the subject, and notes it.
func (n *News) Is(subject, text string) bool {
	if said, ok := n.said[subject]; ok && said == text {
		return false
	}
	if n.said == nil {
		n.said = make(map[string]string)
	}
	n.said[subject] = text
	return true
}

// Forget makes everything news again.
func (n *News) Forget() { clear(n.said) }
