package doctor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

const byInfo = "asks getWebhookInfo"

// telegramTable has the faults that Telegram's side shows.
var telegramTable = []diagnosis{
	{
		name: "token", question: "Does Telegram know the token?", probe: byInfo,
		sentence: "Telegram could not be asked for the state of the webhook.",
		mend:     "Copy the token again from @BotFather, into TELEGRAM_TOKEN or the file of --token-file. For a server of your own: TELEGRAM_API_URL.",
		find: func(x *exam) []string {
			return when(x.telegram.err != nil && len(x.telegram.looks) == 0, fmt.Sprint(x.telegram.err))
		},
	},
	{
		name: "second-poller", question: "Is this the only program with this token?", probe: "looks at getWebhookInfo several times; polls once if no webhook is set",
		sentence: "Another program uses the token: it polls, or it sets and deletes the webhook.",
		mend:     "Stop it: an old container, a colleague's laptop, a second deployment. Many libraries delete the webhook when they begin to poll. If you don't find it, let @BotFather revoke the token.",
		find:     (*exam).otherProgram,
	},
	{
		name: "not-set", question: "Is a webhook set?", probe: byInfo,
		sentence: "No webhook is set, so that Telegram sends nothing.",
		mend:     "Set it: tghook set --url URL --secret-file FILE. A failed setWebhook deletes the one before. 23 hours of nothing but 410 delete it too, and a program that polls.",
		find: func(x *exam) []string {
			info, known := x.telegram.last()
			return when(known && info.URL == "" && len(x.otherProgram()) == 0, `getWebhookInfo says: "url": ""`, fmt.Sprintf("%d updates wait", info.PendingUpdateCount))
		},
	},
	{
		name: "other-url", question: "Is the webhook set to this URL?", probe: byInfo,
		sentence: "The webhook is set to another URL.",
		mend:     "Set it to this one: tghook set --url URL --secret-file FILE. Or look for the deployment that set the other one.",
		find: func(x *exam) []string {
			info, known := x.telegram.last()
			return when(known && info.URL != "" && info.URL != x.URL && len(x.otherProgram()) == 0, "getWebhookInfo says: "+info.URL, "the doctor was given: "+x.URL)
		},
	},
	{
		name: "allowed-updates", question: "Does Telegram send every kind that the bot handles?", probe: byInfo + ", and compares allowed_updates with --kinds",
		sentence: "allowed_updates leaves out a kind that the bot handles. Telegram does not even store such an update.",
		mend:     "Set the list: tghook set --url URL --allowed-updates KINDS. chat_member, message_reaction and message_reaction_count are never sent without being named. The list stays for ever, also when the webhook is set without one.",
		find: func(x *exam) []string {
			info, known := x.telegram.last()
			missing := webhook.Missing(info.AllowedUpdates, x.Kinds)
			allowed := "Telegram's default"
			if len(info.AllowedUpdates) > 0 {
				allowed = strings.Join(info.AllowedUpdates, ", ")
			}
			return when(known && len(missing) > 0, "not sent: "+strings.Join(missing, ", "), "allowed_updates: "+allowed)
		},
	},
	{
		name: "pending", question: "Are updates delivered as fast as they come?", probe: byInfo + " several times",
		sentence: "Updates pile up: more come than are delivered.",
		mend:     "Answer sooner (slow work after the answer), raise --max-connections of tghook set, add replicas. One stuck chat holds back its own updates, and many of them all. To drop what waits: tghook set --drop-pending.",
		find:     (*exam).growing,
	},
	{
		name: "clock", question: "Is the server's clock right?", probe: "compares the Date of the answers with that of the Bot API, or with this machine's clock",
		sentence: "The clocks differ. A wrong clock makes certificates invalid, updates too old, and signed data expired.",
		mend:     "Set the clock of the machine that is wrong: timedatectl set-ntp true, or chrony.",
		find:     (*exam).skewed,
	},
}

// otherProgram finds a program that ends the doctor's poll, or changes the webhook.
func (x *exam) otherProgram() []string {
	var lines []string
	if text := x.telegram.conflict; text != "" {
		lines = append(lines, "getUpdates says: "+text)
	}
	var urls []string
	for _, l := range x.telegram.looks {
		urls = append(urls, l.info.URL)
	}
	if urls = slices.Compact(urls); len(urls) > 1 {
		lines = append(lines, fmt.Sprintf("while the doctor looked, the URL of the webhook was: %q", urls))
	}
	return lines
}

// growing finds a number of pending updates that never falls, and grows or is large.
func (x *exam) growing() []string {
	counts := make([]int, 0, len(x.telegram.looks))
	for _, l := range x.telegram.looks {
		counts = append(counts, l.info.PendingUpdateCount)
	}
	const many, growth = 100, 3
	if len(counts) == 0 || x.telegram.looks[0].info.URL == "" || !slices.IsSorted(counts) {
		return nil
	}
	first, last := counts[0], counts[len(counts)-1]
	return when(last-first >= growth || last >= many, fmt.Sprintf("pending_update_count, every %v: %v", x.times.look, counts))
}

// skewed compares the time in the answers with Telegram's, or with this machine's.
func (x *exam) skewed() []string {
	var lines []string
	reference, ahead := "this machine", time.Duration(0)
	if x.telegram.dated {
		reference, ahead = "Telegram", x.telegram.ahead
		if ahead.Abs() > x.times.skew {
			lines = append(lines, fmt.Sprintf("the clock of this machine is %s, compared with Telegram's", apart(-ahead)))
		}
	}
	date, err := http.ParseTime(x.delivery.header.Get("Date"))
	if err == nil && !x.delivery.at.IsZero() {
		if off := date.Sub(x.delivery.at) - ahead; off.Abs() > x.times.skew {
			lines = append(lines, fmt.Sprintf("the clock of the server is %s, compared with that of %s; Date: %s", apart(off), reference, x.delivery.header.Get("Date")))
		}
	}
	return lines
}

func apart(d time.Duration) string {
	if d < 0 {
		return webhook.Age(-d) + " slow"
	}
	return webhook.Age(d) + " fast"
}

// unexplained returns a finding for a young error in getWebhookInfo that no finding explains.
func (x *exam) unexplained(findings []Finding) (Finding, bool) {
	text, age, recent := x.failure()
	about, _ := lasterror.Explain(text)
	explained := slices.ContainsFunc(findings, func(f Finding) bool { return f.Diagnosis == about.Diagnosis || !f.Advice })
	if !recent || explained {
		return Finding{}, false
	}
	f := Finding{
		Diagnosis: "last-error", Question: lastErrorQuestion, Sentence: "Telegram has met an error of late that the doctor did not meet. " + about.Meaning,
		Evidence: []string{x.clean(fmt.Sprintf("getWebhookInfo says, %s ago: %s", webhook.Age(age), text)), x.clean("the doctor got: " + x.delivery.String())},
		Mend:     about.Mend,
	}
	if f.Mend == "" {
		f.Mend = "Look at the server's log at that time."
	}
	return f, true
}

const lastErrorQuestion = "Has Telegram met no error of late?"
