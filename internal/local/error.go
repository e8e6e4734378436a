package local

import (
	"encoding/json"
	"errors"
	"net/http"
)

// ErrNotRunning is found (errors.Is) in what Get and Do return when no process serves the
// socket.
var ErrNotRunning = errors.New("no process is listening there")

// ErrInUse is found (errors.Is) in what Listen returns when another process serves the socket.
var ErrInUse = errors.New("another process is listening there")

// Error is an error with a hint for the person who sees it.
type Error struct {
	Status int    // HTTP status; 0 when no answer came
	Text   string // lower case, no full stop
	Advice string // one line, may be empty
	Cause  error  // may be nil
}

// Error returns the text, without the hint.
func (e *Error) Error() string { return e.Text }

// Hint returns what to do about it, or "".
func (e *Error) Hint() string { return e.Advice }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// NotReady returns what `status --ready` says of a process that answers and does not do its work yet; why may be empty.
func NotReady(text, why, advice string) *Error {
	if why != "" {
		text += ": " + why
	}
	return &Error{Text: text, Advice: advice}
}

// wireError is an error as it crosses the socket.
type wireError struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// WriteJSON answers a request with v, indented for people who use curl.
func WriteJSON(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		WriteError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // a client that went away is its own business
}

// WriteError answers a request with err and, where err has a Hint method, its hint.
func WriteError(w http.ResponseWriter, status int, err error) {
	e := wireError{Error: err.Error()}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		e.Hint = h.Hint()
	}
	body, _ := json.Marshal(e) // two strings always marshal
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
