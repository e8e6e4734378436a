package link

import "testing"

// What a mark says was sent and what has come since the one before are the same, but for what was
// lost; one that has overtaken others, or was lost itself, changes nothing in the end.
func TestLossIsCountedFromMarkToMark(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []uint64 // 0: a datagram comes; else a mark
		want  Loss
	}{
		{"nothing", nil, Loss{}},
		{"no mark", []uint64{0, 0, 0}, Loss{}},
		{"the first mark is where it begins", []uint64{0, 33}, Loss{}},
		{"all came", []uint64{33, 0, 0, 35}, Loss{2, 0}},
		{"one is missing", []uint64{33, 0, 0, 36}, Loss{3, 1}},
		{"all are missing", []uint64{33, 65}, Loss{32, 32}},
		{"a mark is lost", []uint64{33, 0, 0, 0, 37}, Loss{4, 1}},
		{"a mark overtakes a datagram", []uint64{33, 0, 35, 0, 0, 36}, Loss{3, 0}},
		{"a mark is overtaken by a newer one", []uint64{33, 0, 0, 0, 36, 35, 0, 37}, Loss{4, 0}},
		{"for a moment more came than were sent", []uint64{33, 0, 0, 34}, Loss{1, 0}},
		{"a peer that makes it up", []uint64{33, 1 << 60, 0, 1<<60 + 1}, Loss{1, 0}},
		{"a peer that makes it all up", []uint64{1<<63 - 1, 1, 2, 3}, Loss{}},
	} {
		var in inflow
		for _, s := range c.steps {
			if s == 0 {
				in.note(1)
			} else {
				in.take(s)
			}
		}
		if got := in.total(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A batch counts at its receiver what it has counted at its sender.
func TestABatchCountsTheSameAtBothEnds(t *testing.T) {
	var w window
	w.init()
	w.begin()
	var in inflow
	in.take(w.sent)
	for n := 1; n < 100; n++ {
		w.note(n)
		in.note(n)
	}
	in.take(w.sent)
	if got := in.total(); got.Lost != 0 || got.Datagrams < 99 {
		t.Errorf("%+v", got)
	}
}

func TestLossOfTheLastMinute(t *testing.T) {
	var l losses
	in, out := func() { l.in.sent.Add(10); l.in.missing.Add(1) }, Loss{}
	for n := range 3 * lossSamples {
		in()
		out.Datagrams, out.Lost = out.Datagrams+20, out.Lost+uint64(n%2)
		l.heard(out)
		l.sample()
	}
	in()
	gotIn, gotOut := l.lately()
	if want := uint64(lossSamples); gotIn != (Loss{10 * want, want}) || gotOut != (Loss{20 * (want - 1), want / 2}) {
		t.Errorf("in %+v, out %+v", gotIn, gotOut)
	}
	l.heard(Loss{}) // a peer that takes back what it said
	if _, got := l.lately(); got != (Loss{}) {
		t.Errorf("out %+v", got)
	}
}

func TestLossForPeople(t *testing.T) {
	for want, l := range map[string]Loss{
		"not known":              {},
		"0 % (0 of 151)":         {151, 0},
		"19 % (28 of 148)":       {148, 28},
		"0.7 % (1 of 140)":       {140, 1},
		"0.1 % (1 of 100000000)": {100000000, 1},
		"100 % (5 of 5)":         {5, 5},
	} {
		if got := l.String(); got != want {
			t.Errorf("%+v: %s, want %s", l, got, want)
		}
	}
}
