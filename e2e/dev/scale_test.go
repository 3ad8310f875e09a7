package dev

import (
	"fmt"
	"slices"
	"strconv"
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

// The page has the end of an album. Its beginning comes with older messages, and changes the row.
func TestAnAlbumThatIsLoadedInTwoPartsKeepsThePlace(t *testing.T) {
	t.Parallel()
	c, b, p := begun(t, nil)
	media := `[{"type":"photo","media":"attach://a"},{"type":"photo","media":"attach://b"},{"type":"photo","media":"attach://c"}]`
	b.upload("sendMediaGroup", map[string]string{"chat_id": strconv.FormatInt(c.you(), 10), "media": media},
		map[string]part{"a": {"a.png", picture(t, 200, 200, 0)}, "b": {"b.png", picture(t, 200, 200, 120)}, "c": {"c.png", picture(t, 200, 200, 240)}})
	for i := range 48 {
		b.must("sendMessage", object{"chat_id": c.you(), "text": fmt.Sprint("line ", i)})
	}
	p.reload()
	p.waitText(".message .text", "line 47")
	require.InDelta(t, 0, eval[float64](p, `(async () => {
		const box = document.querySelector('.scroller'), frame = () => new Promise(requestAnimationFrame);
		const line = () => [...document.querySelectorAll('.message')].find(m => m.textContent.includes('line 0')).getBoundingClientRect().top;
		if (document.querySelectorAll('[data-message]').length !== 49) throw new Error('49 rows were to be loaded: the album and the lines');
		box.scrollTop = 60;
		const was = line();
		while (!document.body.textContent.includes('/start')) await frame();
		await frame();
		return line() - was;
	})()`), 2)
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
