package conf

import "github.com/oneping/oneping/internal/advice"

// FieldError is a setting whose value makes no sense.
type FieldError struct {
	Of    string // edge, client, connector
	Field string // its key in the file
	Item  int    // of a list, counted from 1; 0: the whole
	Err   error  // what is wrong, with advice what to write instead
}

// BadField returns the *FieldError of a role's setting: text says what is wrong, hint what to write
// instead.
func BadField(of, field, text, hint string) error {
	return &FieldError{Of: of, Field: field, Err: &advice.Error{Text: text, Advice: hint}}
}

// BadItem is BadField for one item of a list, counted from 0.
func BadItem(of, field string, index int, text, hint string) error {
	return &FieldError{Of: of, Field: field, Item: index + 1, Err: &advice.Error{Text: text, Advice: hint}}
}

// Error names the setting and what is wrong with it.
func (e *FieldError) Error() string {
	return e.Of + " configuration: " + e.Field + ": " + e.Err.Error()
}

// Unwrap returns what is wrong, without the setting's name.
func (e *FieldError) Unwrap() error { return e.Err }
