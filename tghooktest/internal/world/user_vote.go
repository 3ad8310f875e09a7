package world

import (
	"fmt"
	"maps"
	"slices"
)

// Vote sets the user's vote in a message's poll; without options it takes the vote back. It
// makes poll, and poll_answer unless the poll is anonymous, if the bot has sent the poll.
func (w *World) Vote(user, chat, message int64, options ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return err
	}
	m := c.message(message)
	if m == nil || m.Poll == nil {
		return fmt.Errorf("message %d has no poll to vote in", message)
	}
	if m.Poll.IsClosed {
		return fmt.Errorf("the poll %q is closed; vote before the bot stops it", m.Poll.Question)
	}
	chosen, err := m.Poll.choose(options)
	if err != nil {
		return err
	}
	if slices.Equal(m.Poll.votes[user], chosen) {
		return nil
	}
	if m.Poll.votes[user] != nil && !m.Poll.Revoting {
		return fmt.Errorf("the poll %q does not let users change their vote; send it with allows_revoting", m.Poll.Question)
	}
	p := m.Poll.vote(user, chosen)
	w.setPoll(p)
	if !w.own(m) { // bots hear nothing of votes in the polls of others
		return nil
	}
	w.tell(c, "poll", p)
	if !p.IsAnonymous {
		w.tell(c, "poll_answer", p.answer(u, chosen))
	}
	return nil
}

// answer is a PollAnswer.
type answer struct {
	Poll    string   `json:"poll_id"`
	User    *User    `json:"user"`
	Options []int    `json:"option_ids"`
	IDs     []string `json:"option_persistent_ids"`
}

func (p *Poll) answer(u *User, chosen []int) answer {
	ids := make([]string, 0, len(chosen))
	for _, i := range chosen {
		ids = append(ids, p.Options[i].ID)
	}
	return answer{p.ID, u, chosen, ids}
}

// choose returns the indexes of the options with these texts, in ascending order.
func (p *Poll) choose(texts []string) ([]int, error) {
	all := make([]string, 0, len(p.Options))
	for _, o := range p.Options {
		all = append(all, o.Text)
	}
	chosen := make([]int, 0, len(texts))
	for _, text := range texts {
		i := slices.Index(all, text)
		if i < 0 {
			return nil, fmt.Errorf("the poll %q has no option %q; the options are: %s", p.Question, text, list(all))
		}
		chosen = append(chosen, i)
	}
	slices.Sort(chosen)
	chosen = slices.Compact(chosen)
	if len(chosen) > 1 && !p.Multiple {
		return nil, fmt.Errorf("the poll %q takes one answer, not %d", p.Question, len(chosen))
	}
	return chosen, nil
}

// vote returns a copy of the poll with the user's vote.
func (p *Poll) vote(user int64, chosen []int) *Poll {
	copied := *p
	copied.Options, copied.votes = slices.Clone(p.Options), maps.Clone(p.votes)
	if copied.votes == nil {
		copied.votes = map[int64][]int{}
	}
	for _, i := range copied.votes[user] {
		copied.Options[i].Voters--
	}
	delete(copied.votes, user)
	for _, i := range chosen {
		copied.Options[i].Voters++
	}
	if len(chosen) > 0 {
		copied.votes[user] = chosen
	}
	copied.Total = len(copied.votes)
	return &copied
}
