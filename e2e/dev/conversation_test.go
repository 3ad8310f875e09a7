package dev

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// held has the messages and the mark that a conversation of the page has in the end.
type held struct {
	First, Last int // messages
	Asked       int // how often messages were asked for
	Mark        int
	Text        string // of message 1,000
}

// converse runs a script with a conversation c that holds the messages 801 to 960 of 1,000. The API
// has them at once, or when the script opens the gate.
func converse(p *tab, script string) held {
	p.t.Helper()
	return eval[held](p, `(async () => {
		const {Conversation} = await import('/page/conversation.js');
		const listeners = {}, info = {};
		let asked = 0, gate = Promise.resolve(), text = 'first';
		const api = {
			on: (kind, f) => { listeners[kind] = f; return () => {}; },
			get: async path => {
				const query = new URL(path, 'http://x').searchParams;
				if (!query.has('limit')) return structuredClone(info);
				asked++;
				const limit = Number(query.get('limit')), after = query.has('after'), old = text;
				await gate;
				const from = after ? Number(query.get('after')) + 1 : Math.max(1, Number(query.get('before') ?? 1001) - limit);
				const to = Math.min(after ? from + limit - 1 : Number(query.get('before') ?? 1001) - 1, 1000);
				const messages = [];
				for (let id = from; id <= to; id++) messages.push({message_id: id, date: 1, text: id === 1000 ? old : ''});
				return {messages, more: after ? to < 1000 : from > 1};
			},
		};
		const c = new Conversation(api, {bot: 1, chat: 2, as: 'you'});
		const drawn = () => c.state.messages;
		const tell = (kind, event) => listeners[kind]({bot: 1, chat: 2, ...event});
		const shut = () => {
			let open;
			gate = new Promise(resolve => { open = resolve; });
			return open;
		};
		const turn = () => new Promise(resolve => setTimeout(resolve));
		const rested = () => new Promise(resolve => setTimeout(resolve, 200)); // then the conversation tells at once
		const until = async done => { while (!done()) await turn(); };
		// The list asks for more when it has been drawn, and it is drawn after it was told, in a microtask.
		const look = near => { c.near = near; return c.more(drawn()); };
		// The reader goes elsewhere before the answer has come.
		const leave = async (near, then) => {
			await rested();
			const open = shut(), answered = look(near);
			c.near = then;
			const off = c.subscribe(() => { off(); queueMicrotask(() => c.more(drawn())); });
			open();
			await answered;
		};
		await c.newest();
		for (let i = 0; i < 3; i++) await look('start');
		const before = drawn();
		`+script+`
		return {First: drawn()[0].message_id, Last: drawn().at(-1).message_id, Asked: asked, Mark: c.state.mark?.id ?? 0, Text: drawn().at(-1).text};
	})()`)
}

// On a slow machine more messages are asked for than are drawn yet, and answers come when the reader
// has gone on. The cut at the other end must not take the messages that are in sight then.
func TestTheMessagesInSightAreNotCutOff(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	for script, want := range map[string]held{
		``:                     {First: 801, Last: 960, Asked: 4},
		`await look('start');`: {First: 751, Last: 910, Asked: 5},
		`await look('end');`:   {First: 841, Last: 1000, Asked: 5, Text: "first"},
		`await look('end'); await look('start');`: {First: 791, Last: 950, Asked: 6},
		`await look('start'); await look('end');`: {First: 801, Last: 960, Asked: 6},
		// The list has not drawn the loaded messages yet.
		`await look('start'); await c.more(before);`: {First: 751, Last: 910, Asked: 5},
		`await look('end'); await c.more(before);`:   {First: 841, Last: 1000, Asked: 5, Text: "first"},
		`c.near = 'start'; await c.more([]);`:        {First: 801, Last: 960, Asked: 4},
		`c.near = null; await c.more(before);`:       {First: 801, Last: 960, Asked: 4},
		// The conversation leaves the answer out, and the list asks again.
		`await leave('start', null);`: {First: 801, Last: 960, Asked: 5},
		`await leave('end', null);`:   {First: 801, Last: 960, Asked: 5},
		`await leave('start', 'end'); await until(() => drawn()[0].message_id !== 801);`: {First: 841, Last: 1000, Asked: 6, Text: "first"},
		`await leave('end', 'start'); await until(() => drawn()[0].message_id !== 801);`: {First: 751, Last: 910, Asked: 6},
	} {
		require.Equal(t, want, converse(p, script), script)
	}
}

// A user may search, or go to the end, while other messages are being loaded.
func TestAJumpWaitsForWhatIsBeingLoaded(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	for script, want := range map[string]held{
		`const open = shut(), jumps = [look('start'), c.newest()]; open(); await Promise.all(jumps);`:                {First: 951, Last: 1000, Asked: 6, Text: "first"},
		`const open = shut(), jumps = [look('start'), c.around(300)]; open(); await Promise.all(jumps);`:             {First: 276, Last: 325, Asked: 7, Mark: 300},
		`const open = shut(), jumps = [c.around(300), c.around(500)]; open(); await Promise.all(jumps);`:             {First: 476, Last: 525, Asked: 8, Mark: 500},
		`const open = shut(), jumps = [c.around(300), c.around(850)]; open(); await Promise.all(jumps);`:             {First: 826, Last: 875, Asked: 8, Mark: 850},
		`const open = shut(), jumps = [c.around(300), c.around(310)]; open(); await Promise.all(jumps);`:             {First: 276, Last: 325, Asked: 6, Mark: 310},
		`const open = shut(), jumps = [c.around(300), c.newest(), c.around(990)]; open(); await Promise.all(jumps);`: {First: 951, Last: 1000, Asked: 7, Mark: 990, Text: "first"},
		`gate = Promise.reject(new Error('no connection')); await c.around(300);`:                                    {First: 801, Last: 960, Asked: 5},
		// The list asks for more before the waiting jump goes on. The jump comes first all the same.
		`await rested(); const open = shut(), first = look('start'), jump = c.around(300); c.subscribe(() => queueMicrotask(() => c.more(drawn()))); open(); await jump;`: {First: 276, Last: 325, Asked: 7, Mark: 300},
		`const open = shut(), jumps = [c.newest(), look('start'), c.newest()]; open(); await Promise.all(jumps);`:                                                         {First: 951, Last: 1000, Asked: 6, Text: "first"},
	} {
		require.Equal(t, want, converse(p, script), script)
	}
}

// An event may be handled before an answer that was written earlier.
func TestAnOlderAnswerDoesNotUndoAnEvent(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	const message = `{message_id: 1000, date: 1, text: 'first'}`
	for script, want := range map[string]string{
		`c.add([` + message + `]);`: "first",
		`tell('edit', {message: {...` + message + `, text: 'edited'}}); c.add([` + message + `]);`: "edited",
		`const open = shut(); tell('reaction', {message_id: 1000}); text = 'second'; tell('edit', {message: {...` + message + `, text: 'second'}});
			open(); await until(() => asked === 7); await turn();`: "second",
		`const open = shut(), load = c.newest(); text = 'second'; tell('edit', {message: {...` + message + `, text: 'second'}}); open(); await load;`: "second",
	} {
		require.Equal(t, want, converse(p, `await c.newest(); `+script).Text, script)
	}
}

// The page asks for the keyboard again after many events. It is a new one for the composer only if the
// bot has sent one to this user: the user may have used or closed it.
func TestAKeyboardIsNewOnlyIfTheBotHasSentIt(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	for script, renewed := range map[string]int{
		`tell('pin', {});`:                               0,
		`tell('keyboard', {user: 'you'});`:               1,
		`tell('keyboard', {user: 'other'});`:             0,
		`tell('keyboard', {});`:                          1,
		`tell('pin', {}); tell('keyboard', {});`:         1,
		`info.keyboard.keyboard = [];  tell('pin', {});`: 1,
	} {
		require.Equal(t, renewed, converse(p, `
			info.keyboard = {force_reply: true};
			await c.refresh();
			const old = c.state.info.keyboard;
			info.members = 2;
			`+script+`
			await until(() => c.state.info.members === 2);
			for (let i = 0; i < 10; i++) await turn();
			c.set({mark: {id: c.state.info.keyboard === old ? 0 : 1}});`).Mark, script)
	}
}

// The text of the user outlives an edit, a failure, and a file that is sent meanwhile.
func TestADraftLosesNothing(t *testing.T) {
	t.Parallel()
	p := start(t).page(t)
	for script, want := range map[string]string{
		`d.set({text: 'half a'}); d.edit({text: 'old'}); d.clear();`:                                                "half a",
		`d.set({text: 'half a'}); d.edit({text: 'old'}); d.edit({text: 'other'}); d.clear();`:                       "half a",
		`d.set({text: 'half a'}); d.edit({text: 'old'}); d.answer({message_id: 1});`:                                "half a",
		`d.set({text: 'half a'}); d.answer({message_id: 1});`:                                                       "half a",
		`d.set({text: 'half a'}); d.clear();`:                                                                       "",
		`d.set({text: 'next'}); d.giveBack({text: 'failed'});`:                                                      "failed\nnext",
		`d.giveBack({text: 'failed'});`:                                                                             "failed",
		`d.edit({text: 'old'}); d.giveBack({text: 'failed'}); d.clear();`:                                           "failed",
		`d.set({text: 'next'}); d.giveBack({text: 'edited', edit: {text: 'old'}});`:                                 "edited",
		`d.set({text: 'next'}); d.giveBack({text: 'edited', edit: {text: 'old'}}); d.clear();`:                      "next",
		`d.edit({text: 'a'}); d.giveBack({text: 'b', edit: {text: 'old'}});`:                                        "a",
		`d.edit({text: 'a'}); d.giveBack({text: 'b', edit: {text: 'old'}}); d.clear();`:                             "b",
		`const r = {}; d.set({reply: r, text: 'on'}); d.sent('x', {}); d.set({text: String(d.state.reply === r)});`: "true",
		`const r = {}; d.set({reply: r, text: 'on'}); d.sent('x', r); d.set({text: String(d.state.reply === r)});`:  "false",
		`d.set({text: 'a caption'}); d.sent('a caption');`:                                                          "",
		`d.set({text: 'a caption'}); d.set({text: 'written since'}); d.sent('a caption');`:                          "written since",
	} {
		require.Equal(t, want, eval[string](p, `import('/page/draft.js').then(({Draft}) => {
			const d = new Draft();
			`+script+`
			return d.state.text;
		})`), script)
	}
}
