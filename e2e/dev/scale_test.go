package dev

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fill sends many messages to You, as fast as the command takes them.
func fill(t *testing.T, c *command, b *bot, n int) {
	t.Helper()
	you := c.you()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range next {
				b.must("sendMessage", object{"chat_id": you, "text": fmt.Sprintf("message %d of many. It has two sentences.", i)})
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// A chat of 10,000 messages: the page holds a window of it, whatever the reader does.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	const many, mostRows, mostNodes = 10_000, 260, 8_000
	c := start(t)
	b := c.poll(t, nil)
	c.api("POST", c.bot()+fmt.Sprintf("/users/%d/start", c.you()), object{}, nil)
	fill(t, c, b, many)
	p := c.page(t)
	p.wait("document.querySelectorAll('.message').length >= 50")
	paint := eval[float64](p, "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
	bounded := func(when string) {
		t.Helper()
		require.LessOrEqual(t, eval[int](p, "document.querySelectorAll('[data-message]').length"), mostRows, when)
		require.LessOrEqual(t, eval[int](p, "document.querySelectorAll('*').length"), mostNodes, when)
	}
	bounded("at the end")
	// Upwards through 600 messages; the messages stay where they are while others come.
	up := eval[struct {
		Frames, Slowest float64
		Jumps           int
	}](p, `(async () => {
		const box = document.querySelector('.scroller'), times = [];
		const oldest = () => Number(document.querySelector('[data-message]').dataset.message);
		const goal = oldest() - 600;
		let jumps = 0, last = performance.now();
		while (oldest() > goal) {
			const row = [...document.querySelectorAll('[data-message]')].find(r => r.getBoundingClientRect().bottom > 80);
			const was = row.getBoundingClientRect().top, by = Math.min(box.scrollTop, 400);
			box.scrollTop -= by;
			await new Promise(requestAnimationFrame);
			await new Promise(requestAnimationFrame);
			const moved = () => row.isConnected && by === 400 && Math.abs(row.getBoundingClientRect().top - was - by) > 2;
			for (let n = 0; n < 10 && moved(); n++) await new Promise(requestAnimationFrame); // on a busy machine a frame may come late
			if (moved()) jumps++;
			const now = performance.now();
			times.push(now - last);
			last = now;
		}
		times.sort((a, b) => a - b);
		return {Frames: times[times.length >> 1] / 2, Slowest: times[times.length - 1], Jumps: jumps};
	})()`)
	bounded("600 messages up")
	require.Zero(t, up.Jumps, "the messages jumped while older ones came")
	require.True(t, eval[bool](p, "Boolean(document.querySelector('.to-end'))"))
	p.click(".to-end", "")
	p.waitText(".message .text", fmt.Sprintf("message %d of", many-1))
	bounded("at the end again")
	// And many that come while the page is open.
	fill(t, c, b, 1000)
	p.wait("document.querySelectorAll('.message').length > 0")
	b.must("sendMessage", object{"chat_id": c.you(), "text": "the very last"})
	p.waitText(".message .text", "the very last")
	bounded("after 1,000 that came")
	t.Logf("10,000 messages: first paint %.0f ms, a frame of scrolling %.1f ms in the median, slowest step %.0f ms", paint, up.Frames, up.Slowest)
}

// On a slow machine more messages are asked for than are drawn yet, and answers come when the reader has gone on. The cut at
// the other end must not take the messages that are in sight then.
func TestTheMessagesInSightAreNotCutOff(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	type window struct {
		First, Last, Asked int
		Again              bool // the list draws again, and so looks again at where the reader is
	}
	script := func(body string) window {
		t.Helper()
		return eval[window](p, `(async () => {
			const {Conversation} = await import('/page/conversation.js');
			let asked = 0, gate = Promise.resolve();
			const api = {on: () => () => {}, get: async path => {
				const query = new URL(path, 'http://x').searchParams;
				if (!query.has('limit')) return {};
				asked++;
				await gate;
				const [after, before] = [Number(query.get('after') ?? 0), Number(query.get('before') ?? 1001)];
				const from = query.has('after') ? after + 1 : Math.max(1, before - 50), to = Math.min(query.has('after') ? after + 50 : before - 1, 1000);
				return {messages: Array.from({length: to - from + 1}, (_, i) => ({message_id: from + i, date: 1})), more: query.has('after') ? to < 1000 : from > 1};
			}};
			const c = new Conversation(api, {bot: 1, chat: 2, as: 'you'});
			await c.newest();
			const held = () => c.state.messages;
			const to = async near => { c.near = near; await c.more(held()); };
			const leave = async (near, then) => { // before the answer has come
				let open;
				gate = new Promise(resolve => { open = resolve; });
				const answered = to(near);
				c.near = then;
				open();
				await answered;
			};
			for (let i = 0; i < 3; i++) await to('start');
			const before = held();
			`+body+`
			return {First: held()[0].message_id, Last: held().at(-1).message_id, Asked: asked, Again: held() !== before};
		})()`)
	}
	for body, want := range map[string]window{
		``:                                       {801, 960, 4, false},
		`await to('start');`:                     {751, 910, 5, true},
		`await to('end');`:                       {841, 1000, 5, true},
		`await leave('start', 'end');`:           {801, 960, 5, true},
		`await leave('start', null);`:            {801, 960, 5, true},
		`await leave('end', 'start');`:           {801, 960, 5, true},
		`await leave('end', null);`:              {801, 960, 5, true},
		`await to('start'); c.more(before);`:     {751, 910, 5, true}, // before those are drawn
		`await to('end'); c.more(before);`:       {841, 1000, 5, true},
		`await to('end'); await to('start');`:    {791, 950, 6, true},
		`await to('start'); await to('end');`:    {801, 960, 6, true},
		`c.near = 'start'; await c.more([]);`:    {801, 960, 4, false},
		`c.near = null; await c.more(before);`:   {801, 960, 4, false},
		`await to('end'); await c.more(held());`: {841, 1000, 6, true},
	} {
		require.Equal(t, want, script(body), body)
	}
}

// A message typed in the page, and the bot's answer in the page.
func TestRoundTrip(t *testing.T) {
	const rounds = 30
	c, _, p := begun(t, echo)
	p.waitText(".message.other .text", "echo /start")
	// The page and the API take turns, so that other load on the machine slows both.
	times, loopback := make([]float64, 0, rounds), make([]float64, 0, rounds)
	for i := range rounds {
		p.write("#composer", fmt.Sprint("round ", i))
		times = append(times, eval[float64](p, fmt.Sprintf(`new Promise(resolve => {
			const want = 'echo round %d';
			const begin = performance.now();
			const watch = new MutationObserver(() => {
				if ([...document.querySelectorAll('.message.other .text')].at(-1)?.textContent !== want) return;
				watch.disconnect();
				resolve(performance.now() - begin);
			});
			watch.observe(document.querySelector('.messages'), {subtree: true, childList: true, characterData: true});
			document.querySelector('.send').click();
		})`, i)))
		begin := time.Now()
		var sent struct{ Seq int64 }
		c.api("POST", c.chat(c.you())+"/messages", object{"text": fmt.Sprint("bare ", i)}, &sent)
		c.api("POST", c.bot()+"/wait", object{"chat": c.you(), "text": fmt.Sprint("echo bare ", i), "after": sent.Seq, "timeout": "1m"}, nil)
		loopback = append(loopback, float64(time.Since(begin).Microseconds())/1000)
	}
	page, bare := median(times), median(loopback)
	t.Logf("round trip: %.1f ms in the page, %.1f ms by the API alone (medians of %d)", page, bare, rounds)
	require.Less(t, page, 20*max(bare, 20), "the page does not wait for a look from time to time")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
