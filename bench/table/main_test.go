package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddedAndRatesCompareTheMediansOfTheRounds(t *testing.T) {
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
	equal(t, rows(t, lines), []string{
		"net/http 50 1050 1000 1.00 yes",
		"Fiber_v2 100 1250 1150 1.15 yes",
		"Lambda_ALB 2000 3151 1151 1.15 no",
		"net/http 100 85 0.85 yes 0.80",
		"Echo_v4 100 84 0.84 no 0.50",
	})
}

func TestReceiversAreComparedWithTheSameTypeAndDecoder(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkReceive/message/go_telegram/own   	 100	1 ns/op 8000 cpu-ns/op
BenchmarkReceive/message/go_telegram/tghook-2   	 100	1 ns/op 8800 cpu-ns/op
BenchmarkReceive/message/go_telegram/tghook_fast   	 100	1 ns/op 5000 cpu-ns/op
BenchmarkReceive/message/telego/own   	 100	1 ns/op 4500 cpu-ns/op
BenchmarkReceive/message/telego/tghook   	 100	1 ns/op 4000 cpu-ns/op
BenchmarkReceive/message/telego/tghook_same_decoder   	 100	1 ns/op 5000 cpu-ns/op
BenchmarkReceive/message/telego/tghook_fast   	 100	1 ns/op 4400 cpu-ns/op
BenchmarkReceive/callback_query/echotron/own   	 100	1 ns/op 4500 cpu-ns/op
BenchmarkReceive/callback_query/echotron/tghook   	 100	1 ns/op 4500 cpu-ns/op
BenchmarkReceive/callback_query/echotron/tghook_fast   	 100	1 ns/op 4600 cpu-ns/op
`
	equal(t, rows(t, lines), []string{
		"go_telegram 8.0 8.8 1.10 yes 5.0 secret",
		"telego 4.5 5.0 1.11 no 4.4 method, secret",
		"fastest: tghook with telego's type 4.4 telego 4.5 yes",
		"echotron 4.5 4.5 1.00 yes 4.6 none",
		"fastest: tghook with echotron's type 4.6 echotron 4.5 no",
	})
}

func TestServersAreComparedWithTheBestThatTheyAreToBeat(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkRivals/message/bare 1 1000 req/s 10 cpu-ns/req 99 %busy
BenchmarkRivals/message/hand_written 1 700 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/tghook_raw 1 880 req/s 12 cpu-ns/req 99 %busy
BenchmarkRivals/message/tghook_typed 1 664 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/tghook_fast 1 750 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/telego 1 760 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/echotron 1 600 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/telego_fasthttp 1 900 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/message/gotgbot 1 770 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/with_reply/hand_written_reply 1 600 req/s 20 cpu-ns/req 99 %busy
BenchmarkRivals/with_reply/tghook_reply 1 541 req/s 20 cpu-ns/req 99 %busy
`
	equal(t, rows(t, lines), []string{
		"tghook_raw / bare 0.88 at least 0.88 yes",
		"tghook_typed / hand_written 0.95 at least 0.95 no",
		"tghook_fast / gotgbot 0.97 at least 1.00 no",
		"tghook_reply / hand_written_reply 0.90 at least 0.90 yes",
	})
}

func TestPollTellsHowWellABacklogWasWorkedOff(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkPoll/20000/tghook-2 1 94.00 at-once 0 at-risk 50.04 cpu-us/update 0 out-of-order 0 overlapping 0 repeated 3990 updates/s
BenchmarkPoll/500/one_by_one 1 1 at-once 0 at-risk 80 cpu-us/update 0 out-of-order 0 overlapping 0 repeated 200.0 updates/s
BenchmarkPoll/20000/grammy_runner 1 500 at-once 499 at-risk 20 cpu-us/update 7 out-of-order 70 overlapping 1 repeated 30000 updates/s
BenchmarkPoll/20000/tghook-2 1 96.00 at-once 0 at-risk 50.06 cpu-us/update 0 out-of-order 0 overlapping 0 repeated 4008 updates/s
`
	equal(t, fields(t, lines, "tghook", "grammy", "one_by_one"), []string{
		"tghook 20000 3999 95 0 0 0 0 50.0",
		"grammy_runner 20000 30000 500 70 7 1 499 20.0",
		"one_by_one 500 200 1 0 0 0 0 80.0",
		"tghook / one_by_one 20.0 at least 20 no",
	})
}

func TestDecodersAreComparedTypeByType(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkDecode/message/go_telegram/encoding_json-2 100 1 ns/op 8000 cpu-ns/op 0 B/op 0 allocs/op
BenchmarkDecode/message/go_telegram/goccy-2 100 1 ns/op 2000 cpu-ns/op
BenchmarkDecode/message/echotron/encoding_json 100 1 ns/op 8150 cpu-ns/op
BenchmarkDecode/message/echotron/goccy 100 1 ns/op 2100 cpu-ns/op
BenchmarkDecode/message_large/go_telegram/encoding_json 100 1 ns/op 176000 cpu-ns/op
BenchmarkDecode/message_large/go_telegram/goccy 100 1 ns/op 52100 cpu-ns/op
BenchmarkDecode/message_large/echotron/encoding_json 100 1 ns/op 156000 cpu-ns/op
BenchmarkDecode/message_large/echotron/goccy 100 1 ns/op 45700 cpu-ns/op
BenchmarkDecode/message/go_telegram/encoding_json-2 100 1 ns/op 8600 cpu-ns/op
`
	equal(t, fields(t, lines, "message", "encoding_json", "telegram", "echotron"), []string{
		"CPU time of decoding message / message_large into each library's type, in µs.",
		"type of encoding_json goccy",
		"go_telegram 8.3 / 176.0 2.0 / 52.1",
		"echotron 8.2 / 156.0 2.1 / 45.7",
	})
}

func TestQueuesTellsWhatTheWaysCost(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkQueues/flush/disk 600 0.480 flush-p50-ms 3.000 flush-p99-ms
BenchmarkQueues/full/none 2000 1000 answers/s 1000 updates/s 100 cpu-us/update
BenchmarkQueues/paced/none 200 0.51 answer-p50-ms 1.50 answer-p99-ms 0.40 start-p50-ms 1.40 start-p99-ms
BenchmarkQueues/full/spool 2000 600 answers/s 500 updates/s 330 cpu-us/update
BenchmarkQueues/paced/spool 200 2.04 answer-p50-ms 9.00 answer-p99-ms 3.00 start-p50-ms 12.0 start-p99-ms
BenchmarkQueues/parallel_2/none 200 100 updates/s
BenchmarkQueues/parallel_2/spool 200 80 updates/s
BenchmarkQueues/parallel_16/none 1600 600 updates/s
BenchmarkQueues/parallel_16/spool 1600 400.0 updates/s
BenchmarkQueues/full/none 2000 1200 answers/s 1000 updates/s 120 cpu-us/update
`
	equal(t, fields(t, lines, "none", "spool", "flush", "2", "16"), []string{
		"way answers/s / none updates/s / none CPU µs / none",
		"none 1100 1.00 1000 1.00 110 1.0",
		"spool 600 0.55 500 0.50 330 3.0",
		"and the 99th percentile. A flush of the disk takes 0.48 ms (3.0) in this run.",
		"none 0.5 1.5 0.4 1.4",
		"spool 2.0 9.0 3.0 12.0",
		"Updates a second with a handler that waits for 20 ms, and what share that is of the most that so many handlers can do.",
		"handlers at most none spool",
		"2 100 100 (1.00) 80 (0.80)",
		"16 800 600 (0.75) 400 (0.50)",
	})
}

func TestRideTellsWhatAnswersCost(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkRide/in_the_response-2 1 23000 answers/s 0 calls 1.40 cpu-s
BenchmarkRide/by_ReplyTransport 1 21000 answers/s 3 calls 1.557 cpu-s
BenchmarkRide/by_a_call-2 1 14300 answers/s 20000 calls 2.52 cpu-s
BenchmarkRide/in_the_response-2 1 23200 answers/s 0 calls 1.42 cpu-s
`
	equal(t, fields(t, lines, "response", "Reply", "by a call"), []string{
		"in the response 23100 1.41 0",
		"by ReplyTransport 21000 1.56 3",
		"by a call 14300 2.52 20000",
	})
}

func TestAbuseTellsEveryAnswerAndWhatBecameOfTheUpdates(t *testing.T) {
	t.Parallel()
	const lines = `BenchmarkAbuse/kill_-9_with_20/tghook 20 20 status-0 0 early 20 handled 0 lost 0 repeated 12 MiB 1 killed
BenchmarkAbuse/kill_-9_with_20/telego 20 18 status-200 2 status-503 18 early 2 handled 18 lost 1 repeated 12 MiB 1 killed
BenchmarkAbuse/malformed_JSON/go_tg 1 1 status-400 0 early 0 handled 0 lost 0 repeated 10 MiB 1 lives
BenchmarkAbuse/malformed_JSON/grammy 1 1 status-0 0 early 0 handled 0 lost 0 repeated 0 MiB 1 dies
`

	equal(t, fields(t, lines, "killed", "lives", "dies"), []string{
		"tghook not ×20 0 20 0 0 12 killed",
		"telego 200 ×18, 503 ×2 18 2 18 1 12 killed",
		"go_tg 400 ×1 0 0 0 0 10 lives",
		"grammy not ×1 0 0 0 0 dies",
	})
}

// rows returns the rows that say whether a bound is met.
func rows(t *testing.T, lines string) []string {
	t.Helper()
	return fields(t, lines, "  yes", "  no")
}

// fields returns the fields of the table of lines, in the rows with one of marks.
func fields(t *testing.T, lines string, marks ...string) (got []string) {
	t.Helper()
	var out strings.Builder
	require.NoError(t, report(&out, strings.NewReader(lines)))
	for line := range strings.Lines(out.String()) {
		if slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(line, mark) }) {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
	}
	return got
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
