package memory

import (
	"runtime"
	"testing"
	"testing/fstest"
)

func TestTheSmallestLimitHolds(t *testing.T) {
	const host = "MemTotal:        1000 kB\nMemFree: 1 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"nothing known":  {nil, 0},
		"the host alone": {map[string]string{"proc/meminfo": host}, 1000 << 10},
		"version 2": {map[string]string{
			"proc/meminfo": host, "proc/self/cgroup": "0::/system.slice/oneping-edge.service\n",
			"sys/fs/cgroup/system.slice/oneping-edge.service/memory.max": "524288\n",
		}, 524288},
		"version 2, a parent's": {map[string]string{
			"proc/self/cgroup":                           "0::/a.slice/b.service\n",
			"sys/fs/cgroup/a.slice/memory.max":           "4096\n",
			"sys/fs/cgroup/a.slice/b.service/memory.max": "max\n",
		}, 4096},
		"version 2, none": {map[string]string{
			"proc/meminfo": host, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n",
		}, 1000 << 10},
		"version 1": {map[string]string{
			"proc/meminfo": host, "proc/self/cgroup": "9:cpu,cpuacct:/\n4:hugetlb,memory:/x/y\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/x/y/memory.limit_in_bytes": "8192\n",
		}, 8192},
		"version 1, none": {map[string]string{
			"proc/meminfo": host, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 1000 << 10},
		"a container that sees the host's path": {map[string]string{
			"proc/self/cgroup": "4:memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "16384\n",
		}, 16384},
		"nonsense": {map[string]string{
			"proc/meminfo": "MemTotal: many kB\n", "proc/self/cgroup": "memory\n::\n", "sys/fs/cgroup/memory.max": "-1",
		}, 0},
	} {
		root := fstest.MapFS{}
		for path, text := range c.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := systemLimit(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestAReadingSeesWhatIsAllocated(t *testing.T) {
	before := Read()
	block := make([]byte, 64<<20)
	after := Read()
	if d := after.Live - before.Live; d < 64<<20 {
		t.Errorf("64 MiB more made %d bytes more", d)
	}
	if after.Held < after.Live {
		t.Errorf("%d bytes live in %d", after.Live, after.Held)
	}
	runtime.KeepAlive(block)
}
