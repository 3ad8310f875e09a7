package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
	"github.com/tghook/tghook/internal/redact"
)

// Report is the result of an examination.
type Report struct {
	URL      string    `json:"url"`
	Healthy  bool      `json:"healthy"` // no fault was found; there may be advice
	Findings []Finding `json:"findings"`
	Facts    []string  `json:"facts"`      // what was seen
	LeftOut  []string  `json:"not_looked"` // what could not be looked at, or was left out
	Took     float64   `json:"took_seconds"`
}

func (x *exam) report() Report {
	r := Report{URL: redact.URL(x.URL), Findings: x.diagnose(), Facts: x.facts(), LeftOut: x.leftOut()}
	r.Healthy = true
	for _, f := range r.Findings {
		r.Healthy = r.Healthy && f.Advice
	}
	return r
}

// facts says what was seen, whether it is a fault or not.
func (x *exam) facts() []string {
	facts := []string{}
	add := func(format string, args ...any) { facts = append(facts, x.clean(fmt.Sprintf(format, args...))) }
	if len(x.found) > 0 {
		add("%s resolves to %s", x.target.host, listOf(x.found))
	}
	for _, c := range x.contacts {
		if len(c.chain) > 0 {
			add("%s: the certificate of %q, issued by %q, is valid until %s", c.addr, c.chain[0].Subject.CommonName, c.chain[0].Issuer, c.chain[0].NotAfter.UTC().Format("2006-01-02"))
		}
	}
	for _, a := range []*answer{&x.delivery, &x.second, &x.noSecret, &x.badSecret, &x.half, &x.large, &x.plain} {
		if a.has() && (a != &x.noSecret || a.asked != x.delivery.asked) {
			add("%s (%.0f ms)", a, float64(a.took.Microseconds())/1000)
		}
	}
	if len(x.burst) > 0 {
		add("%d updates at once: %s", len(x.burst), x.statuses())
	}
	if x.idled && x.closed == 0 {
		add("an idle connection stayed open for %v", x.times.idle)
	}
	if info, known := x.telegram.last(); known {
		add("Telegram: url %q, pending %d, max_connections %d, ip_address %s", redact.URL(info.URL), info.PendingUpdateCount, info.MaxConnections, info.IPAddress)
		add("Telegram sends: all kinds but %s", strings.Join(webhook.Missing(info.AllowedUpdates, webhook.Kinds()), ", "))
	}
	return facts
}

func (x *exam) statuses() string {
	counts, order := map[string]int{}, []string{}
	for _, a := range x.burst {
		text := strconv.Itoa(a.status)
		if a.err != nil {
			text = "no answer"
		}
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	for i, text := range order {
		order[i] = fmt.Sprintf("%d times %s", counts[text], text)
	}
	return strings.Join(order, ", ")
}

// leftOut names the probes that were left out, and why.
func (x *exam) leftOut() []string {
	out := []string{}
	add := func(missing bool, text string) {
		if missing {
			out = append(out, text)
		}
	}
	add(x.URL == "", "the server: there is no URL; give --url")
	add(x.Client == nil, "Telegram's side, and whether its addresses are let in: give the token (TELEGRAM_TOKEN or --token-file)")
	refused := x.Secret == "" && x.delivery.in(401, 403)
	add(refused, "what comes after the secret was checked: give it (TELEGRAM_SECRET or --secret-file)")
	add(x.Dry, "what needs an update: --dry")
	add(x.Quick && x.times.idle == 0, "whether an idle connection is kept for 60 s, and an answer that takes longer than 15 s: --quick")
	add(!x.Quick && !x.idled && x.delivery.has(), "whether an idle connection is kept: the connection ended before")
	add(x.Update == nil && !x.Dry, "how long the bot takes for a real update, and its reply: give one with --update FILE")
	add(x.Client != nil && len(x.Kinds) == 0, "whether allowed_updates has all that the bot handles: give --kinds")
	return out
}

// Text returns the report for people: faults first.
func (r Report) Text() string {
	var b strings.Builder
	for _, f := range r.Findings {
		title := "FAULT"
		if f.Advice {
			title = "ADVICE"
		}
		fmt.Fprintf(&b, "%s  %s: %s\n", title, f.Diagnosis, f.Sentence)
		for _, line := range f.Evidence {
			fmt.Fprintf(&b, "    seen:  %s\n", line)
		}
		fmt.Fprintf(&b, "    mend:  %s\n\n", f.Mend)
	}
	switch {
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "HEALTHY  no fault found at %s\n\n", r.URL)
	case r.Healthy:
		fmt.Fprintf(&b, "HEALTHY  no fault found at %s, with advice\n\n", r.URL)
	}
	for _, fact := range r.Facts {
		fmt.Fprintf(&b, "  saw   %s\n", fact)
	}
	for _, text := range r.LeftOut {
		fmt.Fprintf(&b, "  not looked at: %s\n", text)
	}
	return strings.TrimRight(b.String(), "\n")
}
