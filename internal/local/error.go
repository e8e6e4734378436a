package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
)

// ErrNotRunning is found (errors.Is) in what Get and Do return when no process serves the
// socket.
var ErrNotRunning = errors.New("no process is listening there")

// StatusError is an answer that says no: another HTTP status than 2xx.
type StatusError struct {
	Status int
	Err    error // what the process said, with its advice
}

// Error returns what the process said.
func (e *StatusError) Error() string { return e.Err.Error() }

// Unwrap returns what the process said.
func (e *StatusError) Unwrap() error { return e.Err }

// NotReady returns what `status --ready` says of a process that answers and does not do its work
// yet; why may be empty.
func NotReady(text, why, hint string) error {
	if why != "" {
		text += ": " + why
	}
	return &advice.Error{Text: text, Advice: hint}
}

// wireError is an error as it crosses the socket.
type wireError struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// WriteJSON answers a request with v, indented for people who use curl.
func WriteJSON(w http.ResponseWriter, v any) {
	var body bytes.Buffer
	if err := term.JSON(&body, v); err != nil {
		WriteError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body.Bytes()) // a client that went away is its own business
}

// WriteError answers a request with err and, where it has advice, its hint.
func WriteError(w http.ResponseWriter, status int, err error) {
	e := wireError{Error: err.Error(), Hint: advice.Of(err)}
	body, _ := json.Marshal(e) // two strings always marshal
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
