package conf

// FieldError is a setting whose value makes no sense.
type FieldError struct {
	Of     string // client, connector
	Field  string // its key in the file
	Text   string // what is wrong
	Advice string // what to write instead
}

// Error names the setting and what is wrong with it.
func (e *FieldError) Error() string { return e.Of + " configuration: " + e.Field + ": " + e.Text }

// Hint says what to write instead.
func (e *FieldError) Hint() string { return e.Advice }
