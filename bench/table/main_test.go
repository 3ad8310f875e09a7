package main

import (
	"strings"
	"testing"
)

func TestTableComparesTheMediansOfTheRounds(t *testing.T) {
	t.Parallel()
	const lines = `goos: linux
BenchmarkDoors/net/http/empty-2   	 100	  1 ns/op 50.0 cpu-ns/op	  0 B/op	  0 allocs/op
BenchmarkDoors/net/http/tghook-2  	 100	1 ns/op 9050 cpu-ns/op
BenchmarkDoors/Fiber_v2/empty     	 100	 1 ns/op 100 cpu-ns/op
BenchmarkDoors/Fiber_v2/tghook    	 100	1 ns/op 1250 cpu-ns/op
BenchmarkDoors/net/http/empty-2   	 100	  1 ns/op 50.0 cpu-ns/op
BenchmarkDoors/net/http/tghook-2  	 100	1 ns/op 1050 cpu-ns/op
BenchmarkDoors/net/http/empty-2   	 100	  1 ns/op 50.0 cpu-ns/op
BenchmarkDoors/net/http/tghook-2  	 100	 1 ns/op 950 cpu-ns/op
BenchmarkDoors/Lambda_ALB/empty   	 100	1 ns/op 2000 cpu-ns/op
BenchmarkDoors/Lambda_ALB/tghook  	 100	1 ns/op 3151 cpu-ns/op
BenchmarkServe/message/bare       	 100	   1 ns/op
BenchmarkSockets/net/http/empty 300 100 req/s 10 cpu-ns/req 99 %busy
BenchmarkSockets/net/http/tghook 300 84 req/s 12.5 cpu-ns/req 98 %busy
BenchmarkSockets/net/http/empty 300 100 req/s 10 cpu-ns/req 99 %busy
BenchmarkSockets/net/http/tghook 300 86 req/s 12.5 cpu-ns/req 96 %busy
BenchmarkSockets/Echo_v4/empty 300 100 req/s 10 cpu-ns/req 99 %busy
BenchmarkSockets/Echo_v4/tghook 300 84 req/s 20 cpu-ns/req 50 %busy
PASS
`
	want := []string{
		"net/http 50 1050 1000 1.00 yes",
		"Fiber_v2 100 1250 1150 1.15 yes",
		"Lambda_ALB 2000 3151 1151 1.15 no",
		"net/http 100 85 0.85 yes 0.80",
		"Echo_v4 100 84 0.84 no 0.50",
	}

	var out strings.Builder
	if err := report(&out, strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}

	var got []string
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "  yes") || strings.Contains(line, "  no") {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
