package nodetest

import (
	"fmt"
	"os"
)

// Damage is what can happen to a file of a state directory.
type Damage struct {
	Name string
	// Do does it to the file path, which is there.
	Do func(path string) error
}

// flips is at how many places of a file one bit is changed, one after the other.
const flips = 10

// Damages are those that a start must name, with what to do about them, or heal.
func Damages() []Damage {
	change := func(f func(b []byte) []byte) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, f(b), 0o600)
		}
	}
	all := []Damage{
		{"cut in half", change(func(b []byte) []byte { return b[:len(b)/2] })},
		{"empty", change(func([]byte) []byte { return nil })},
		{"zeroed", change(func(b []byte) []byte { return make([]byte, len(b)) })},
		{"missing", os.Remove},
		{"unreadable", func(path string) error { // for root, too
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}},
	}
	all = append(all, strange()...)
	for i := range flips {
		all = append(all, Damage{fmt.Sprintf("bit %d of %d", i+1, flips), change(func(b []byte) []byte {
			at := (2*i + 1) * len(b) / (2 * flips)
			b[at] ^= 1 << (i % 8)
			return b
		})})
	}
	return all
}
