package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// listDenials answers what was denied, the newest first: to a user, or to all; since is an RFC 3339
// time.
func (h *Handler) listDenials(r *http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	user, word := r.URL.Query().Get("user"), r.URL.Query().Get("since")
	var since time.Time
	if word != "" {
		if since, err = time.Parse(time.RFC3339Nano, word); err != nil {
			return nil, &advice.Error{Text: strconv.Quote(word) + " is not a time", Advice: "write it as 2026-11-27T12:00:00Z"}
		}
	}
	out := h.cfg.Denials.Denials(user, since)
	if user != "" && len(out) == 0 {
		err = checkUser(sn, user)
	}
	return out, err
}
