//go:build linux

package doctor

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// Most of the time the tests wait, so that many of them fit beside each other.
func TestMain(m *testing.M) {
	flag.Parse()
	must(flag.Set("test.parallel", "16"))
	os.Exit(m.Run())
}

// Each fault is found by its own diagnosis, and all others are silent. With a healthy server
// all are silent.
func TestEachServerHasItsDiagnosis(t *testing.T) {
	for _, s := range slices.Concat(healthy, faults) {
		title := strings.Join(append(s.want, s.name), ": ")
		if s.want == nil {
			title = "healthy: " + s.name
		}
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			cfg := s.build(t)
			report, err := Examine(t.Context(), cfg)
			require.NoError(t, err)
			var found []string
			var evidence []string
			for _, f := range report.Findings {
				found = append(found, f.Diagnosis)
				evidence = append(evidence, f.Evidence...)
				require.NotEmpty(t, f.Sentence)
				require.NotEmpty(t, f.Mend)
			}
			text := report.Text()
			require.Equal(t, s.want, found, text)
			require.Contains(t, strings.Join(evidence, "\n"), s.seen, text)
			require.NotContains(t, text, theSecret)
			for _, f := range report.Findings {
				require.Equal(t, !f.Advice, !report.Healthy)
			}
			if s.want == nil {
				require.True(t, report.Healthy)
			}
		})
	}
}

func TestTheClockThatIsWrongIsNamed(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		ahead, date time.Duration // compared with this machine: Telegram's clock, the server's
		dated       bool
		want        []string
	}{
		{0, 20 * time.Second, true, nil},
		{0, -40 * time.Second, true, []string{"the clock of the server is 40 seconds slow, compared with that of Telegram"}},
		{0, 40 * time.Second, false, []string{"the clock of the server is 40 seconds fast, compared with that of this machine"}},
		{5 * time.Minute, 5 * time.Minute, true, []string{"the clock of this machine is 5 minutes slow, compared with Telegram's"}},
		{5 * time.Minute, 0, true, []string{"the clock of this machine is 5 minutes slow, compared with Telegram's", "the clock of the server is 5 minutes slow, compared with that of Telegram"}},
		{-5 * time.Minute, -5 * time.Minute, true, []string{"the clock of this machine is 5 minutes fast, compared with Telegram's"}},
	} {
		x := &exam{Config: Config{times: testTimes}, telegram: state{ahead: c.ahead, dated: c.dated}}
		at := now.Truncate(time.Second)
		x.delivery = answer{at: at, header: http.Header{"Date": {at.Add(c.date).UTC().Format(http.TimeFormat)}}}
		lines := x.skewed()
		require.Len(t, lines, len(c.want), c)
		for i := range lines {
			require.True(t, strings.HasPrefix(lines[i], c.want[i]), lines[i])
		}
	}
}

func TestAnErrorIsRecentForTenMinutesOrWhileUpdatesWait(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		age     time.Duration
		pending int
		want    bool
	}{
		{9 * time.Minute, 0, true}, {11 * time.Minute, 0, false}, {11 * time.Minute, 1, true}, {3 * time.Hour, 1, false},
	} {
		x := &exam{Config: Config{URL: theURL}}
		x.telegram.looks = []look{{now, tghook.WebhookInfo{URL: theURL, LastErrorDate: now.Add(-c.age).Unix(), LastErrorMessage: "Connection refused", PendingUpdateCount: c.pending}}}
		_, _, recent := x.failure()
		require.Equal(t, c.want, recent, c)
	}
}

func TestPendingUpdatesGrowOnlyIfTheyNeverFall(t *testing.T) {
	for _, c := range []struct {
		counts []int
		want   bool
	}{
		{[]int{0, 0, 0}, false}, {[]int{0, 1, 2}, false}, {[]int{0, 2, 3}, true}, {[]int{9, 4, 12}, false}, {[]int{200, 200, 200}, true}, {[]int{200, 150, 100}, false},
	} {
		x := &exam{}
		for _, n := range c.counts {
			x.telegram.looks = append(x.telegram.looks, look{info: tghook.WebhookInfo{URL: theURL, PendingUpdateCount: n}})
		}
		require.Equal(t, c.want, len(x.growing()) > 0, c.counts)
	}
}

// The header block that Telegram sends, for addresses of all forms.
func TestARequestIsWrittenAsTelegramWritesIt(t *testing.T) {
	for _, c := range []struct{ url, path, host, extra string }{
		{"https://bot.example.org", "/", "bot.example.org", ""},
		{"https://bot.example.org:443/a?b=c", "/a?b=c", "bot.example.org", ""},
		{"https://bot.example.org:8443/a b", "/a%20b", "bot.example.org:8443", ""},
		{"https://bot.example.org:80/", "/", "bot.example.org:80", ""},
		{"http://bot.example.org:80/", "/", "bot.example.org", ""},
		{"bot.example.org/x", "/x", "bot.example.org", ""},
		{"https://BÜCHER.example/", "/", "xn--bcher-kva.example", ""},
		{"https://user:p%40ss@bot.example.org/", "/", "bot.example.org", "Authorization: Basic dXNlcjpwJTQwc3M=\r\n"},
		{"https://bot.example.org?x", "/?x", "bot.example.org", ""},
	} {
		at, problem := parseTarget(c.url)
		require.Empty(t, problem, c.url)
		require.Equal(t, "POST "+c.path+" HTTP/1.1\r\nHost: "+c.host+"\r\n"+c.extra+"X-Telegram-Bot-Api-Secret-Token: s\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n", at.head("s", 7), c.url)
	}
	for _, bad := range []string{"", "https://", "https://:443/", "https://h:0/", "https://h:99999/", "https://h/#x", "gopher://h/", "https://h\x00/", "http://[::1"} {
		_, problem := parseTarget(bad)
		require.NotEmpty(t, problem, bad)
	}
}

// A probe is an update with an id that is never one of Telegram's own.
func TestAProbeIsHarmless(t *testing.T) {
	x := &exam{}
	x.id.Store(1_000_000)
	for _, size := range []int{0, largest} {
		body := x.harmless(size)
		u, err := tghook.ParseUpdate(body)
		require.NoError(t, err)
		require.Less(t, u.ID, int64(2_000_001))
		require.Equal(t, tghook.Kind("tghook_doctor"), u.Kind)
		require.Zero(t, u.ChatID+u.UserID)
		if size > 0 {
			require.Len(t, body, size)
		}
	}
}

func TestEachDiagnosisHasAServer(t *testing.T) {
	var built []string
	for _, s := range faults {
		built = append(built, s.want...)
	}
	for _, d := range table() {
		require.Contains(t, built, d.name)
		for field, text := range map[string]string{"question": d.question, "probe": d.probe, "sentence": d.sentence, "mend": d.mend} {
			require.NotEmpty(t, text, d.name+" "+field)
		}
		require.True(t, strings.HasSuffix(d.question, "?"), d.name)
	}
}
