package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// A receiver is a bot with a webhook. It keeps the bytes that it gets.
type receiver struct {
	t      *testing.T
	answer func(body string) (status int, reply string)

	mu     sync.Mutex
	bodies []string
	times  []time.Time
}

const hookSecret = "the-secret-of-the-webhook"

// receive starts a bot with a webhook. answer gives the status and the body of its answer to an
// update.
func (c *command) receive(t *testing.T, answer func(body string) (status int, reply string)) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	c.method("setWebhook", object{"url": srv.URL + "/hook", "secret_token": hookSecret})
	return r
}

// method calls the Bot API and gives the whole answer.
func (c *command) method(name string, params object) object {
	c.t.Helper()
	status, text := c.try("POST", "/bot"+c.token+"/"+name, params)
	var answer object
	require.NoError(c.t, json.Unmarshal(text, &answer), "%d %s", status, text)
	return answer
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || req.Header.Get("X-Telegram-Bot-Api-Secret-Token") != hookSecret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	r.bodies, r.times = append(r.bodies, string(body)), append(r.times, time.Now())
	r.mu.Unlock()
	status, reply := r.answer(string(body))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

// got gives what has come so far.
func (r *receiver) got() ([]string, []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bodies...), append([]time.Time(nil), r.times...)
}

// waitFor waits until n updates have come that hold the text, and gives their bodies.
func (r *receiver) waitFor(n int, text string) []string {
	r.t.Helper()
	var found []string
	require.Eventually(r.t, func() bool {
		found = nil
		bodies, _ := r.got()
		for _, body := range bodies {
			if strings.Contains(body, text) {
				found = append(found, body)
			}
		}
		return len(found) >= n
	}, patience, poll, "the bot has not got %d updates with %s", n, text)
	return found
}

// echoes answers a message with its text, by a reply in the answer.
func echoes(body string) (int, string) {
	var u update
	if json.Unmarshal([]byte(body), &u) != nil || u.Message == nil {
		return http.StatusOK, ""
	}
	reply, err := json.Marshal(object{"method": "sendMessage", "chat_id": u.Message.Chat.ID, "text": "echo " + u.Message.Text})
	if err != nil {
		return http.StatusInternalServerError, ""
	}
	return http.StatusOK, string(reply)
}

// inspected starts the command with a bot with a webhook, and a page with the inspector.
func inspected(t *testing.T, answer func(body string) (status int, reply string)) (*command, *receiver, *tab) {
	t.Helper()
	c := start(t)
	r := c.receive(t, answer)
	p := c.page(t)
	p.wait("document.querySelector('.chats, .side')")
	p.press("i")
	p.wait("document.querySelector('.inspector-list')")
	t.Cleanup(func() {
		problems, external := p.troubles()
		require.Empty(t, problems, "errors in the page")
		require.Empty(t, external, "requests to others")
	})
	return c, r, p
}

// write lets the first user write to the bot.
func (c *command) write(text string) {
	c.t.Helper()
	c.api("POST", c.chat(c.you())+"/messages", object{"text": text}, nil)
}

// openRow presses the row with the name and the text.
func (p *tab) openRow(name, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("[...document.querySelectorAll('.inspector-row')].some(e => e.querySelector('.inspector-name').textContent === %s && e.textContent.includes(%s))", quote(name), quote(text)))
	require.NotEmpty(p.t, eval[string](p, fmt.Sprintf(`(() => {
		const row = [...document.querySelectorAll('.inspector-row')].findLast(e => e.querySelector('.inspector-name').textContent === %s && e.textContent.includes(%s))
		row.click()
		return row.id
	})()`, quote(name), quote(text))))
	p.wait("document.querySelector('.inspector-facts')")
}

// rowNames gives the names of the rows in sight.
func (p *tab) rowNames() []string {
	p.t.Helper()
	return eval[[]string](p, "[...document.querySelectorAll('.inspector-row')].map(e => e.querySelector('.inspector-name').textContent)")
}

// copies keeps what the page copies, and gives it.
func (p *tab) copies(press func()) string {
	p.t.Helper()
	eval[bool](p, "(navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }, true)")
	press()
	p.wait("window.copied")
	return eval[string](p, "(() => { const text = window.copied; window.copied = ''; return text })()")
}

func TestTheInspectorShowsADeliveryAndTheReply(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("<img src=x onerror=alert(1)>")
	body := r.waitFor(1, "onerror")[0]
	p.openRow("message", "onerror")
	p.waitText(".inspector-verdict", "brought sendMessage, which Telegram executed")
	p.waitText(".inspector-first", "POST")
	p.waitText(".inspector-code", `"text": "<img src=x onerror=alert(1)>"`)
	p.waitText(".inspector-headers", "X-Telegram-Bot-Api-Secret-Token")
	require.NotContains(t, eval[string](p, "document.body.textContent"), hookSecret)
	require.NotContains(t, eval[string](p, "document.body.textContent"), c.token)

	p.click(".inspector-raw", "Raw")
	p.wait("document.querySelector('pre.inspector-code')")
	require.Equal(t, body, eval[string](p, "document.querySelector('pre.inspector-code').textContent"), "the bytes that the bot got")

	p.click(".inspector-related .button", "sendMessage")
	p.waitText(".inspector-detail h3", "sendMessage")
	p.wait("document.querySelector('.inspector-row.reply.inner.selected')")
	p.click(".inspector-related .button", "this delivery")
	p.waitText(".inspector-detail h3", "message")
}

func TestTheInspectorCopiesARequestAsCurl(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("it's \"quoted\" $HOME \\ `id`")
	body := r.waitFor(1, "quoted")[0]
	p.openRow("message", "quoted")
	command := p.copies(func() { p.click("[aria-label='Copy as curl']", "") })
	require.NotContains(t, command, hookSecret)
	curl, err := exec.LookPath("curl")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("needs curl")
	}
	require.NoError(t, err)
	require.Contains(t, command, "curl ")
	run := exec.CommandContext(t.Context(), "sh", "-c", command)
	run.Env = append(os.Environ(), "SECRET="+hookSecret, "PATH="+filepath.Dir(curl)+":"+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
	require.Equal(t, []string{body, body}, r.waitFor(2, "quoted"), "curl sends the same bytes")
}

func TestTheInspectorFilters(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	c.write("pears")
	r.waitFor(1, "pears")
	c.method("sendMessage", object{"chat_id": 1, "text": "nobody"})
	p.waitText(".inspector-row.is-failed", "chat not found")

	p.click(".inspector-filter .chip", "Failed")
	p.wait("document.querySelectorAll('.inspector-row').length === 1")
	require.Equal(t, []string{"sendMessage"}, p.rowNames())
	p.click(".inspector-filter .chip", "Failed")

	p.press("f")
	p.press("pears")
	p.wait("document.querySelectorAll('.inspector-row').length === 2")
	require.Equal(t, []string{"message", "sendMessage"}, p.rowNames())
	c.write("more pears")
	p.wait("document.querySelectorAll('.inspector-row').length === 4")
	c.write("more apples")
	r.waitFor(1, "more apples")
	p.press(kb.Escape)
	p.waitText(".inspector-row", "more apples")

	eval[bool](p, `(() => { const s = document.querySelector('.inspector-filter select'); s.value = 'delivery'; s.dispatchEvent(new Event('change', {bubbles: true})); return true })()`)
	p.wait("document.querySelectorAll('.inspector-row').length === 4 && [...document.querySelectorAll('.inspector-row')].every(e => e.classList.contains('delivery'))")
}

// A user types a little faster, or a little slower, than the filter waits.
func TestTheFilterLosesNoKey(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	require.Equal(t, "ab, failed", eval[string](p, `(async () => {
		const {html, render, useState} = await import('/page/vendor/preact.js');
		const {Filter} = await import('/page/inspector-filter.js');
		const timers = [], {setTimeout, clearTimeout, requestAnimationFrame} = window;
		let filter;
		function Whole() {
			const [now, set] = useState({text: '', kind: '', chat: '', failed: false});
			filter = now;
			return html`+"`<${Filter} filter=${now} set=${set} kinds=${[]} chat=${null} search=${() => {}} />`"+`;
		}
		const place = document.createElement('div');
		document.body.append(place);
		render(html`+"`<${Whole} />`"+`, place);
		const field = place.querySelector('input');
		const turn = () => new Promise(resolve => setTimeout.call(window, resolve));
		const type = async text => {
			field.value = text;
			field.dispatchEvent(new Event('input', {bubbles: true}));
			await turn();
		};
		try {
			// The timers of the filter fire when the test says so.
			window.setTimeout = (f, after, ...args) => after === 200 ? timers.push(f) : setTimeout.call(window, f, after === 35 || after === 100 ? 1e6 : after, ...args);
			window.clearTimeout = id => id > 0 && id <= timers.length ? void (timers[id - 1] = () => {}) : clearTimeout.call(window, id);
			await type('a');
			while (timers.length === 0) await turn();
			window.requestAnimationFrame = () => 0; // effects that wait for a frame come late now
			await type('ab');
			timers[0]();
			await turn();
			if (field.value !== 'ab') return 'the field has ' + field.value;
			place.querySelector('.chip').click();
			await turn();
			for (const f of timers) f();
			await turn();
			return filter.text + (filter.failed ? ', failed' : '');
		} finally {
			Object.assign(window, {setTimeout, clearTimeout, requestAnimationFrame});
			render(null, place);
			place.remove();
		}
	})()`))
}

func TestAnotherBotIsChosenWhileARowIsOpen(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	r.waitFor(1, "apples")
	p.openRow("message", "apples")
	c.api("POST", "/api/bots", object{"token": "200300:the-token-of-another-bot-on-the-desk", "name": "Other"}, nil)
	p.reload()
	p.wait("document.querySelector('.inspector-facts')")
	p.click(".bot-switch", "")
	p.click("[role^=menuitem]", "Other")
	p.waitText(".bot-switch", "Other")
	p.wait("location.hash.startsWith('#/200300') && !location.hash.includes('row')")
}

func TestARefusedReplyIsRedInTelegramsWords(t *testing.T) {
	c, r, p := inspected(t, func(string) (int, string) { return http.StatusOK, `{"method":"sendMessage","text":"to nobody"}` })
	c.write("hi")
	r.waitFor(1, "hi")
	p.openRow("message", "chat_id is empty")
	p.waitText(".inspector-verdict.failed", "Telegram refused the reply sendMessage")
	p.waitText(".inspector-verdict.failed", "chat_id is empty")
	require.True(t, eval[bool](p, `(() => {
		const probe = document.createElement('i')
		document.body.append(probe)
		probe.className = 'error-text'
		const red = getComputedStyle(probe).color
		probe.remove()
		return getComputedStyle(document.querySelector('.inspector-verdict.failed')).color === red
	})()`), "it is red")
}

func TestFailedAttemptsAreShownInTheWordsOfGetWebhookInfo(t *testing.T) {
	var failing sync.Once
	c, r, p := inspected(t, func(body string) (int, string) {
		status := http.StatusOK
		failing.Do(func() { status = http.StatusInternalServerError })
		if status != http.StatusOK {
			return status, ""
		}
		return echoes(body)
	})
	c.write("hi")
	require.Len(t, r.waitFor(2, "hi"), 2)
	p.waitText(".inspector-row.is-failed", "Wrong response from the webhook: 500 Internal Server Error")
	p.waitText(".inspector-row .badge", "attempt 2")
	p.waitText(".inspector-last-error", "Wrong response from the webhook: 500 Internal Server Error")
	p.openRow("message", "Wrong response")
	p.waitText(".inspector-verdict.failed", "Wrong response from the webhook: 500 Internal Server Error")
	p.wait("document.querySelectorAll('.inspector-attempts tbody tr').length === 2")
	p.click(".inspector-attempts tr:nth-child(2) .button", "")
	p.waitText(".inspector-verdict.good", "sendMessage")
}

func TestReplayEditedShowsTheDifference(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	first := r.waitFor(1, "apples")[0]
	p.openRow("message", "apples")
	p.click(".inspector-detail-head .button", "Replay")
	p.waitText(".inspector-replay .inspector-hint", "As it was")

	edit := func(from, to string) {
		eval[bool](p, fmt.Sprintf(`(() => {
			const t = document.querySelector('.inspector-editor')
			t.value = t.value.replace(%s, %s)
			t.dispatchEvent(new Event('input', {bubbles: true}))
			return true
		})()`, quote(from), quote(to)))
	}
	edit(`"apples"`, `"apples`)
	p.waitText("#inspector-mistake", "This is not JSON")
	require.True(t, eval[bool](p, "document.querySelector('.inspector-editor-foot .primary').disabled"))
	edit(`"apples`, `"pears"`)
	p.waitText("#inspector-mistake", "Edited")
	p.click(".inspector-editor-foot .primary", "Replay")
	p.waitText(".inspector-diff td.removed", `text: "echo apples"`)
	p.waitText(".inspector-diff td.added", `text: "echo pears"`)

	again := r.waitFor(1, "pears")[0]
	require.Equal(t, withoutID(t, strings.Replace(first, "apples", "pears", 1)), withoutID(t, again), "the bot gets the edited update")
	p.click(".inspector-diff .button", "Open the new delivery")
	p.waitText(".inspector-code", `"text": "pears"`)

	p.click(".inspector-detail-head .button", "Replay")
	p.click(".inspector-editor-foot .primary", "Replay")
	p.waitText(".inspector-diff header", "The bot made the same calls.")
}

// withoutID gives an update without its id.
func withoutID(t *testing.T, body string) object {
	t.Helper()
	var u object
	require.NoError(t, json.Unmarshal([]byte(body), &u))
	delete(u, "update_id")
	return u
}

func TestALinkToARowWorksAfterAReloadAndOnAPhone(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	r.waitFor(1, "apples")
	p.openRow("sendMessage", "apples")
	address := p.copies(func() { p.click("[aria-label='Copy a link to this row']", "") })
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/#/row/\S+$`, address)
	p.reload()
	p.waitText(".inspector-detail h3", "sendMessage")

	other := newTab(t, address)
	other.size(390, 800)
	other.waitText(".inspector-detail h3", "sendMessage")
	require.False(t, eval[bool](other, "document.querySelector('.inspector-list').checkVisibility()"), "on a phone the row has the whole page")
	other.click(".inspector-back", "")
	other.waitText(".inspector-row", "apples")

	gone := newTab(t, c.url+"/#/row/no-such-row")
	gone.waitText(".inspector-verdict.failed", "no longer kept")
}

func TestTheInspectorLeadsToTheChatAndBack(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	r.waitFor(1, "apples")
	p.openRow("sendMessage", "apples")
	p.click("[aria-label='Show in the chat']", "")
	p.wait(fmt.Sprintf("location.hash.includes('/%d/message/')", c.you()))
	p.waitText(".messages", "echo apples")
}

func TestTheInspectorByKeyboardAlone(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	c.write("pears")
	r.waitFor(1, "pears")
	p.waitText(".inspector-row", "echo pears")
	eval[bool](p, "(document.querySelector('.inspector-list').focus(), true)")
	p.press(kb.ArrowUp)
	p.waitText(".inspector-row.selected", "echo pears")
	p.press(kb.ArrowUp)
	p.waitText(".inspector-row.selected", "“pears”")
	require.Equal(t, "message", eval[string](p, "document.getElementById(document.querySelector('.inspector-list').getAttribute('aria-activedescendant')).querySelector('.inspector-name').textContent"))
	p.press(kb.Escape)
	p.wait("!document.querySelector('.inspector-detail')")
	p.press("x")
	p.wait("document.querySelector('.inspector-faults[open]')")
	p.press(kb.Escape)
	p.wait("!document.querySelector('.inspector-faults')")
}

func TestTenThousandRows(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("the first")
	r.waitFor(1, "the first")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1250 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/bot"+c.token+"/getMe", http.NoBody)
				if err != nil {
					return
				}
				res, err := http.DefaultClient.Do(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}
		})
	}
	group.Wait()
	c.write("the last")
	p.waitText(".inspector-row", "echo the last")
	require.Less(t, eval[int](p, "document.querySelectorAll('.inspector-row').length"), 120, "only rows in sight are in the document")
	rows := eval[int](p, "Math.round(document.querySelector('.inspector-space').clientHeight / 32)")
	require.GreaterOrEqual(t, rows, 9000)
	took := eval[float64](p, `(async () => {
		const list = document.querySelector('.inspector-list'), begin = performance.now()
		for (let i = 20; i >= 0; i--) {
			list.scrollTop = list.scrollHeight * i / 20
			await new Promise(requestAnimationFrame)
			await new Promise(requestAnimationFrame)
		}
		return performance.now() - begin
	})()`)
	t.Logf("%d rows; a scroll from the end to the beginning in 21 steps took %.0f ms", rows, took)
	require.Less(t, eval[int](p, "document.querySelectorAll('.inspector-row').length"), 120)
}

func TestExportsAreSaved(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("apples")
	r.waitFor(1, "apples")
	p.waitText(".inspector-row", "echo apples")
	dir, err := os.MkdirTemp("", "tghook-export") //nolint:usetesting // Chromium may still write into it when the test ends
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, cdpbrowser.SetDownloadBehavior(cdpbrowser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(dir).WithBrowserContextID(p.profile).Do(chromium.commands()))
	for title, want := range map[string]string{
		"Go test": `.Expect(t, "echo apples")`, "Python test": `.expect("echo apples")`, "Node test": `.expect("echo apples")`, "Fixtures": "updates.jsonl",
	} {
		before, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		p.click(".inspector-bar .button", "Export")
		p.click(".menu-item", title)
		require.Eventually(t, func() bool {
			files, err := filepath.Glob(filepath.Join(dir, "*session*"))
			if err != nil || len(files) != len(before)+1 {
				return false
			}
			for _, name := range files {
				content, err := os.ReadFile(name)
				if err == nil && strings.Contains(string(content), want) {
					return true
				}
			}
			return false
		}, patience, poll, "no file with %s is saved for %s", want, title)
	}
}

// fault presses a button of the dialogue of faults, waits until the expression is true, and
// closes the dialogue.
func (p *tab) fault(title, done string) {
	p.t.Helper()
	p.click(".inspector-bar .button", "Faults")
	button := fmt.Sprintf("[...document.querySelectorAll('.inspector-buttons .button')].find(e => e.querySelector('strong').textContent === %s)", quote(title))
	p.wait(button)
	eval[bool](p, "("+button+".click(), true)") // the dialogue may still grow, so no place on the screen is sure
	p.wait(done)
	p.press(kb.Escape)
	p.wait("!document.querySelector('.inspector-faults')")
}

// isSet is true when a fault is set.
const isSet = "document.querySelector('.inspector-active li')"

// timesOf gives when the updates with the text have come.
func (r *receiver) timesOf(text string) []time.Time {
	bodies, times := r.got()
	var found []time.Time
	for i, body := range bodies {
		if strings.Contains(body, text) {
			found = append(found, times[i])
		}
	}
	return found
}

func TestFaultsOfADeliveryByButton(t *testing.T) {
	c, r, p := inspected(t, echoes)
	answers := func(text string) int {
		var seen struct{ Messages []message }
		c.api("GET", c.chat(c.you())+"/messages", nil, &seen)
		n := 0
		for _, m := range seen.Messages {
			if m.Text == "echo "+text {
				n++
			}
		}
		return n
	}
	for _, fault := range []struct {
		button  string
		times   int  // that the update comes
		echoes  int  // that are seen in the chat
		delayed bool // it comes late
	}{
		{"Duplicate", 2, 2, false},
		{"Two at once", 2, 2, false},
		{"Drop the answer", 2, 1, false},
		{"Slow", 1, 1, true},
	} {
		t.Run(fault.button, func(t *testing.T) {
			if fault.delayed {
				c.api("POST", "/api/time", object{"speed": 20}, nil) // a delay of 10 s takes half a second
			}
			p.fault(fault.button, isSet)
			text := "with " + fault.button
			begin := time.Now()
			c.write(text)
			bodies := r.waitFor(fault.times, text)
			require.Len(t, bodies, fault.times)
			for _, body := range bodies {
				require.Equal(t, bodies[0], body, "an update that comes again is the same to the byte")
			}
			require.Eventually(t, func() bool { return answers(text) == fault.echoes }, patience, poll, "%d echoes in the chat", answers(text))
			if fault.delayed {
				require.Greater(t, r.timesOf(text)[0].Sub(begin), 400*time.Millisecond)
			}
			p.waitText(".inspector-row .badge.warn", map[string]string{"Duplicate": "again", "Two at once": "twice at once", "Drop the answer": "answer is lost", "Slow": "delay"}[fault.button])

			c.write("after " + fault.button) // the fault is over
			require.Len(t, r.waitFor(1, "after "+fault.button), 1)
			require.Eventually(t, func() bool { return answers("after "+fault.button) == 1 }, patience, poll)
		})
	}
}

func TestFaultsOfACallByButton(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("hello")
	r.waitFor(1, "hello")
	call := func() object { return c.method("sendMessage", object{"chat_id": c.you(), "text": "x"}) }
	for _, fault := range []struct {
		button, description string
		code                float64
		parameters          object
	}{
		{"429", "Too Many Requests: retry after 3", 429, object{"retry_after": 3.0}},
		{"502", "Bad Gateway", 502, nil},
		{"Migrate", "Bad Request: group chat was upgraded to a supergroup chat", 400, object{"migrate_to_chat_id": -1001234567890.0}},
	} {
		p.fault(fault.button, isSet)
		answer := call()
		require.InDelta(t, fault.code, answer["error_code"], 0, fault.button)
		require.Equal(t, fault.description, answer["description"], fault.button)
		if fault.parameters != nil {
			require.Equal(t, any(fault.parameters), answer["parameters"], fault.button)
		}
		require.Equal(t, true, call()["ok"], "%s: the fault is over", fault.button)
		p.waitText(".inspector-row.is-failed", fault.description)
	}

	p.fault("409", isSet)
	c.method("deleteWebhook", nil)
	require.InDelta(t, 409, c.method("getUpdates", object{"timeout": 0})["error_code"], 0)
	require.Equal(t, true, c.method("getUpdates", object{"timeout": 0})["ok"])
}

func TestAUserBlocksTheBotByButton(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("hello")
	r.waitFor(1, "hello")
	p.fault("Blocked by the user", "[...document.querySelectorAll('.toast')].some(e => e.textContent.includes('The bot is blocked'))")
	answer := c.method("sendMessage", object{"chat_id": c.you(), "text": "x"})
	require.Equal(t, "Forbidden: bot was blocked by the user", answer["description"])
	p.waitText(".inspector-row.is-failed", "bot was blocked by the user")
	p.fault("Unblock", "[...document.querySelectorAll('.toast')].some(e => e.textContent.includes('Unblocked'))")
	require.Equal(t, true, c.method("sendMessage", object{"chat_id": c.you(), "text": "x"})["ok"])
}

func TestAnOutageByButton(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("before")
	r.waitFor(1, "before")
	p.click(".inspector-bar .button", "Faults")
	button := "[...document.querySelectorAll('.inspector-buttons .button')].find(e => e.textContent.startsWith('Outage of a day'))"
	p.wait(button)
	eval[bool](p, "("+button+".click(), true)")
	// The outage lasts ten seconds, so the test sends at once.
	p.wait("[['.inspector-active', 'cannot be reached'], ['.inspector-status button.badge', '1 fault']].every(([place, text]) => document.querySelector(place)?.textContent.includes(text))")
	c.write("during")
	p.wait("document.querySelector('.inspector-row.is-failed.delivery')")

	// The outage ends by itself after ten seconds, if this machine is too slow for the button.
	eval[bool](p, "(document.querySelector('.inspector-active .button')?.click(), true)")
	p.wait("!document.querySelector('.inspector-active')")
	ben := c.user("Ben", "ben_after")
	c.api("POST", c.chat(ben)+"/messages", object{"as": ben, "text": "after"}, nil) // the first chat waits for its next attempt
	r.waitFor(1, "after")
	p.wait("!document.querySelector('.inspector-status button.badge.warn')")
}

func TestAnErrorByNameHappensWhereItIsSet(t *testing.T) {
	c, r, p := inspected(t, echoes)
	c.write("hello")
	r.waitFor(1, "hello")
	p.click(".inspector-bar .button", "Faults")
	p.write("[aria-label='Find an error']", "rights pin")
	p.wait("document.querySelectorAll('.inspector-scenarios li').length === 1")
	p.write("[aria-label='Only for this method']", "pinChatMessage")
	p.click(".inspector-scenarios .button", "Set")
	p.waitText(".inspector-active", "for method pinChatMessage")
	p.waitText(".inspector-active .badge", "1 left")
	require.Equal(t, true, c.method("sendMessage", object{"chat_id": c.you(), "text": "x"})["ok"], "another method")
	answer := c.method("pinChatMessage", object{"chat_id": c.you(), "message_id": 1})
	require.Contains(t, answer["description"], "not enough rights to manage pinned messages")
	p.wait("!document.querySelector('.inspector-active')")

	p.click(".inspector-scenarios .button", "Set")
	p.click(".inspector-active .button", "Remove")
	p.wait("!document.querySelector('.inspector-active')")
	require.Equal(t, true, c.method("pinChatMessage", object{"chat_id": c.you(), "message_id": 1})["ok"])
}

func TestTheLogOfTheBotsProcessAndItsRestart(t *testing.T) {
	c := start(t, "--no-watch", "--", "sh", "-c", `echo "started by the desk, <b>"; exec sleep 600`)
	p := c.page(t)
	p.wait("document.querySelector('.side')")
	p.press("i")
	p.click(".inspector-child .badge", "running")
	p.waitText(".inspector-log-lines", "started by the desk, <b>")
	p.waitText(".inspector-log-head", "running, pid")
	first := eval[string](p, "document.querySelector('.inspector-log-head .badge').textContent")
	p.click(".inspector-log-head .button", "Restart")
	p.wait("document.querySelector('.inspector-log-lines').textContent.split('started by the desk').length === 3")
	p.wait(fmt.Sprintf("!document.querySelector('.inspector-log-head .badge').textContent.includes(%s)", quote(first)))
	p.waitText(".inspector-log-head", "1 restart")
}

// Events and answers tell the lines that the process prints. The log has each line once, in any order.
func TestTheLogHasEachLineOnce(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	require.Equal(t, []string{"a b", "a b c", "a b c d", "a b c d e", "a b c d e f", "g"}, eval[[]string](p, `(async () => {
		const {html, render} = await import('/page/vendor/preact.js');
		const {ChildLog} = await import('/page/inspector-log.js');
		const listeners = {}, answers = [];
		const api = {on: (kind, f) => { listeners[kind] = f; return () => {}; }, get: () => new Promise(resolve => answers.push(resolve))};
		const place = document.createElement('div');
		document.body.append(place);
		render(html`+"`<${ChildLog} api=${api} onClose=${() => {}} />`"+`, place);
		const turn = () => new Promise(resolve => setTimeout(resolve, 20));
		while (!answers.length) await turn();
		const seen = [];
		const shown = () => document.querySelector('.inspector-log-lines').textContent.split('\n').join(' ');
		const print = (line, text) => listeners.log({line, text});
		const answer = async (i, ...log) => { answers[i]({command: 'bot', running: true, pid: 1, restarts: 0, ports: [], log, last_line: log.length}); await turn(); };
		print(2, 'b');
		await answer(0, 'a', 'b');
		seen.push(shown());
		print(2, 'b');
		print(3, 'c');
		await turn();
		seen.push(shown());
		listeners.child({});
		print(4, 'd');
		await answer(1, 'a', 'b', 'c');
		seen.push(shown());
		listeners.child({});
		listeners.child({});
		await answer(3, 'a', 'b', 'c', 'd', 'e');
		await answer(2, 'a', 'b', 'c', 'd');
		seen.push(shown());
		print(6, 'f');
		await turn();
		seen.push(shown());
		listeners.reset({}); // the command was started anew
		print(1, 'g');
		await answer(4, 'g');
		seen.push(shown());
		render(null, place);
		place.remove();
		return seen;
	})()`))
}

// The page asks again when an event has come. An older answer may come later.
func TestAnOlderAnswerIsLeftOut(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	for script, want := range map[string]string{
		`load(); answers[0](1);`:                                  "1",
		`load(); load(); answers[0](1); answers[1](2);`:           "12",
		`load(); load(); answers[1](2); answers[0](1);`:           "2",
		`load(); load(); answers[1](2); answers[0](new Error());`: "2",
		`load(); load(); answers[1](new Error()); answers[0](1);`: "failed",
		`load(); answers[0](1); load(); answers[1](new Error());`: "1failed",
		`load(); end(); answers[0](1);`:                           "",
		`load(); load(); answers[0](1); end(); answers[1](2);`:    "",
	} {
		require.Equal(t, want, eval[string](p, `import('/page/api.js').then(async ({asking}) => {
			const answers = [];
			let got = '';
			const {load, end} = asking(
				() => new Promise((resolve, reject) => answers.push(v => v instanceof Error ? reject(v) : resolve(v))),
				value => { got += value; }, () => { got += 'failed'; });
			`+script+`
			await new Promise(resolve => setTimeout(resolve));
			return got;
		})`), script)
	}
}

// The page keeps a bound of rows: new rows cut off the oldest while the user reads further down.
func TestTheRowsInSightStayWhileOthersComeAndGo(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	moved := eval[map[string]float64](p, `(async () => {
		const {html, render} = await import('/page/vendor/preact.js');
		const {List} = await import('/page/inspector-list.js');
		const {Store} = await import('/page/store.js');
		const row = id => ({id: String(id), type: 'delivery', kind: 'message', at: '2026-01-01T00:00:00Z', ok: true});
		const some = (from, to) => Array.from({length: to - from}, (_, i) => row(from + i));
		const rows = new Store({rows: some(1000, 1200), more: false, loading: false, error: ''});
		rows.loadOlder = () => {};
		const place = document.createElement('div');
		place.style.cssText = 'position: fixed; inset: 0; height: 600px; display: flex; z-index: 99';
		document.body.append(place);
		const show = selected => render(html`+"`<${List} rows=${rows} selected=${selected} filtered=${false} empty=\"\" />`"+`, place);
		show('');
		const box = place.querySelector('.inspector-list');
		const drawn = async () => { for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); };
		await drawn();
		const end = () => box.scrollHeight - box.clientHeight - box.scrollTop;
		const out = {first: end()};
		box.scrollTop = 2000;
		await drawn();
		const at = () => document.getElementById('inspector-row-1070')?.getBoundingClientRect().top ?? -1e6;
		const before = at();
		const change = async (name, list) => { rows.set({rows: list}); await drawn(); out[name] = at() - before; };
		await change('cut', some(1010, 1210));
		await change('older', some(900, 1210));
		await change('inserted', [...some(900, 1000), row(5), ...some(1000, 1210)]);
		await change('newer', [...some(900, 1000), row(5), ...some(1000, 1220)]);
		box.scrollTop = box.scrollHeight;
		await drawn();
		rows.set({rows: some(1000, 1300)});
		await drawn();
		out.followed = end();
		place.style.height = '400px';
		await drawn();
		out.lower = end();
		place.style.display = 'none';
		await drawn();
		rows.set({rows: some(1000, 1400)});
		await drawn();
		place.style.display = 'flex';
		await drawn();
		out.hidden = end();
		rows.set({rows: some(1350, 1410)});
		await drawn();
		out.cutAtTheEnd = end();
		const row1390 = () => document.getElementById('inspector-row-1390').getBoundingClientRect().top;
		box.scrollTop -= 320; // the browser has not told yet
		const left = row1390();
		rows.set({rows: some(1360, 1420)});
		await drawn();
		out.left = row1390() - left;
		place.style.display = 'none';
		await drawn();
		place.style.display = 'flex';
		await drawn();
		out.shown = row1390() - left;
		place.style.display = 'none'; // as on a phone, while a row is open
		show('1391');
		await drawn();
		place.style.display = 'flex';
		show('');
		await drawn();
		out.closed = row1390() - left;
		render(null, place);
		place.remove();
		return out;
	})()`)
	for name, by := range moved {
		require.InDelta(t, 0, by, 1, "%s: %v", name, moved)
	}
	require.Len(t, moved, 12)
}
