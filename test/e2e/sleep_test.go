//go:build linux

package e2e

import (
	"testing"
	"time"
)

// A laptop sleeps until its edge has forgotten it: when it wakes up the link is back within
// seconds, and a ping that ran all the time goes on with its identifier; also where it wakes up in
// another network.
func TestSleep(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	for name, awakes := range map[string]string{"in the same network": "true", "in another network": networkChanges[0].away} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			l.byHand(edgeDialV4 + ":7844")
			server := l.capture("server", "eth0")
			ping := l.steadyPing(serverV4)
			l.signalClient("STOP")
			defer l.signalClient("CONT")
			l.poll("the edge has given the laptop up", 30*time.Second, func() bool { return l.devices() == 0 })
			<-time.After(5 * time.Second)
			l.run("laptop", "sh", "-ec", awakes)
			moment := time.Now()
			l.signalClient("CONT")
			ping.p.until("answers", 20*time.Second, func(result) bool {
				at, last := ping.answers()
				return at[last].After(moment)
			})
			at, last := ping.answers()
			took := at[last].Sub(moment)
			t.Logf("awake, and answered %v later", took.Round(time.Millisecond))
			if took > 5*time.Second {
				t.Errorf("answered %v after waking up", took)
			}
			if seen := requests(server.stop(nil), false); len(seen) != 1 {
				t.Errorf("the server saw the identifiers %v", seen)
			}
		})
	}
}
