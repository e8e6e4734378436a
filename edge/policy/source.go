package policy

import "github.com/oneping/oneping/edge/model"

// Source returns p as it was written, comments and all, where that is kept and still says what p
// says; else as Format writes it: an edge of an earlier version may have changed p alone.
func Source(p model.Policy) (text []byte, err error) {
	text = p.Written()
	if said, _, err := decode(text); text != nil && err == nil && samePolicy(&said, &p) {
		return text, nil
	}
	return Format(p)
}
