package admin

import (
	"errors"
	"strings"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
)

// advise says, with what the store refused, what to type next.
func advise(err error) error {
	r, ok := errors.AsType[*state.Refusal](err)
	if !ok {
		return err
	}
	if next := next(r); next != "" {
		return advice.With(err, next)
	}
	return err
}

// advicePolicy says how a policy gets smaller.
const advicePolicy = "name groups, prefixes and tunnels in the place of many users and addresses"

func next(r *state.Refusal) string {
	switch r.Why {
	case state.NoTunnel:
		return "list them: oneping tunnel list"
	case state.NoDevice:
		return "list them: oneping device list"
	case state.NoConnector:
		return "list them: oneping connector list"
	case state.NoToken:
		return "list them: oneping token list"
	case state.NoUser:
		return "list them: oneping device list, oneping token list"
	case state.TokenSpent:
		return "shut the device out: oneping device revoke " + r.Object
	case state.BadLimit:
		return "a small number keeps out who has found the token: 8 is the default"
	case state.NoRoute:
		return "list them: oneping route list"
	case state.NoCapture:
		return "list them: oneping route capture list"
	case state.NoTunnelForRoute:
		return "create it: oneping tunnel create " + r.Object
	case state.BadName:
		return "use 1 to 63 lower case letters, digits and hyphens, such as office-berlin"
	case state.NameTaken:
		return "show it: oneping tunnel show " + r.Object
	case state.RouteTaken, state.StillRouted:
		return "delete it first: oneping route delete " + r.Object
	case state.HasRoutes:
		commands := make([]string, len(r.Routes))
		for i, p := range r.Routes {
			commands[i] = "oneping route delete " + p.String()
		}
		return "delete them first: " + strings.Join(commands, "; ")
	case state.HasGrants:
		return "take tunnel:" + r.Object + " out of them first: oneping policy show > policy.yaml; edit it; oneping policy apply -f policy.yaml"
	case state.PolicyLarge:
		return advicePolicy
	case state.CaptureFull:
		return "name a shorter prefix in the place of several, or give some back: oneping route capture delete PREFIX"
	}
	return ""
}
