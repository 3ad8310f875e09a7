package world

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Poll is the poll of a message. It is never changed: setPoll replaces it by a changed
// copy.
type Poll struct {
	ID              string       `json:"id"`
	Question        string       `json:"question"`
	QuestionEnts    []Entity     `json:"question_entities,omitempty"`
	Options         []PollOption `json:"options"`
	Total           int          `json:"total_voter_count"`
	OpenPeriod      int64        `json:"open_period,omitempty"`
	CloseDate       int64        `json:"close_date,omitempty"`
	IsClosed        bool         `json:"is_closed"`
	IsAnonymous     bool         `json:"is_anonymous"`
	Type            string       `json:"type"`
	Multiple        bool         `json:"allows_multiple_answers"`
	Revoting        bool         `json:"allows_revoting"`
	MembersOnly     bool         `json:"members_only"`
	Countries       []string     `json:"country_codes,omitempty"`
	Correct         *int         `json:"correct_option_id,omitempty"`
	CorrectIDs      []int        `json:"correct_option_ids,omitempty"`
	Explanation     string       `json:"explanation,omitempty"`
	ExplanationEnts []Entity     `json:"explanation_entities,omitzero"` // empty if none of the explanation is marked
	Description     string       `json:"description,omitempty"`
	DescriptionEnts []Entity     `json:"description_entities,omitempty"`

	votes map[int64][]int // indexes of the options that a user chose
}

// PollOption is an answer that a user can choose.
type PollOption struct {
	ID       string   `json:"persistent_id"`
	Text     string   `json:"text"`
	TextEnts []Entity `json:"text_entities,omitempty"`
	Voters   int      `json:"voter_count"`
}

// setPoll replaces a poll by a changed copy, in all messages. w.mu is held.
func (w *World) setPoll(p *Poll) {
	for _, c := range w.chats {
		for _, m := range c.messages {
			if m.Poll != nil && m.Poll.ID == p.ID {
				m.Poll = p
				w.notePoll(m, p)
			}
		}
	}
	w.change()
}

func (w *World) poll(p botapi.Params) (Content, error) {
	question, entities, err := w.pollText("question", 300, p.String("question"), p.String("question_parse_mode"), json.RawMessage(p.String("question_entities")))
	if err != nil {
		return Content{}, err
	}
	options, err := w.pollOptions(p.String("options"))
	if err != nil {
		return Content{}, err
	}
	poll := &Poll{
		ID: w.next("poll"), Question: question, QuestionEnts: entities, Options: options,
		OpenPeriod: p.Int("open_period"), CloseDate: p.Int("close_date"), IsClosed: p.Bool("is_closed"),
		IsAnonymous: !p.Has("is_anonymous") || p.Bool("is_anonymous"), Type: "regular", Multiple: p.Bool("allows_multiple_answers"),
		Revoting: p.Bool("allows_revoting"), MembersOnly: p.Bool("members_only"),
	}
	_ = json.Unmarshal([]byte(p.String("country_codes")), &poll.Countries)
	poll.Description, poll.DescriptionEnts, err = w.format(p.String("description"), p.String("description_parse_mode"), json.RawMessage(p.String("description_entities")))
	if err != nil {
		return Content{}, err
	}
	switch p.String("type") {
	case "", "regular":
		poll.Revoting = poll.Revoting || !p.Has("allows_revoting")
	case "quiz":
		err = w.quiz(poll, p)
	default:
		err = refusal("Unsupported poll type specified")
	}
	if err == nil {
		w.limit(poll)
	}
	return Content{Poll: poll}, err
}

// limit schedules the end of a poll that is open for a limited time.
func (w *World) limit(p *Poll) {
	open := time.Duration(p.OpenPeriod) * time.Second
	if open == 0 && p.CloseDate != 0 {
		open = time.Unix(p.CloseDate, 0).Sub(w.cfg.Now())
	}
	if open > 0 && !p.IsClosed {
		w.closeAfter(open, p.ID)
	}
}

// closeAfter closes the poll with the id when open has passed, if a message with it exists then.
func (w *World) closeAfter(open time.Duration, id string) {
	w.cfg.After(open, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.chats {
			for _, m := range c.messages {
				if m.Poll != nil && m.Poll.ID == id && !m.Poll.IsClosed && !m.deleted {
					w.close(m.Poll)
				}
			}
		}
	})
}

// close closes a poll, makes the update, and returns the closed poll. w.mu is held.
func (w *World) close(p *Poll) *Poll {
	closed := *p
	closed.IsClosed = true
	w.setPoll(&closed)
	w.emit("poll", &closed)
	return &closed
}

// pollText reads the question or an option. The only entities in them are custom emoji.
func (w *World) pollText(what string, most int, text, parseMode string, entities json.RawMessage) (string, []Entity, error) {
	plain, marks, err := w.format(text, parseMode, entities)
	switch {
	case err != nil:
		return "", nil, err
	case plain == "":
		return "", nil, refusal("Text must be non-empty")
	case utf8.RuneCountInString(plain) > most:
		return "", nil, refusef("Poll %s length must not exceed %d", what, most)
	}
	return plain, slices.DeleteFunc(marks, func(e Entity) bool { return e.Type != "custom_emoji" }), nil
}

func (w *World) pollOptions(text string) ([]PollOption, error) {
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse options JSON object")
	}
	list, ok := parseArray([]byte(text))
	switch {
	case !ok:
		return nil, refusal("Expected an Array of String as options")
	case len(list) == 0:
		return nil, refusal("Poll must have at least one answer option")
	case len(list) > 12:
		return nil, refusal("Poll can't have more than 12 options")
	}
	options := make([]PollOption, 0, len(list))
	for _, raw := range list {
		o, ok := parseObject(raw)
		if !ok {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return nil, refusal("Can't parse InputPollOption: Expected InputPollOption to be an Object")
			}
			o = object{"text": raw}
		}
		if _, err := o.need("text"); err != nil {
			return nil, refusef("Can't parse InputPollOption: %v", err)
		}
		plain, marks, err := w.pollText("options", 100, o.text("text"), o.text("text_parse_mode"), o["text_entities"])
		if err != nil {
			return nil, err
		}
		options = append(options, PollOption{ID: strconv.Itoa(len(options)), Text: plain, TextEnts: marks})
	}
	return options, nil
}

// quiz makes the poll a quiz. Newer calls have correct_option_ids, older ones a single id.
func (w *World) quiz(poll *Poll, p botapi.Params) error {
	correct := -1
	if p.Has("correct_option_id") {
		correct = int(p.Int("correct_option_id"))
	}
	if ids, ok := parseArray([]byte(p.String("correct_option_ids"))); ok && len(ids) > 0 {
		correct = int(leading(string(ids[0])))
	}
	if correct < 0 || correct >= len(poll.Options) {
		return refusal("Wrong correct option ID specified")
	}
	poll.Type, poll.Correct, poll.CorrectIDs = "quiz", &correct, []int{correct}
	var err error
	poll.Explanation, poll.ExplanationEnts, err = w.format(p.String("explanation"), p.String("explanation_parse_mode"), json.RawMessage(p.String("explanation_entities")))
	if poll.Explanation != "" && poll.ExplanationEnts == nil {
		poll.ExplanationEnts = []Entity{}
	}
	return err
}

func (w *World) stopPoll(p botapi.Params) (any, error) {
	k, err := inlineMarkup(p.String("reply_markup"))
	if err != nil {
		return nil, err
	}
	m, err := w.messageNamed(p, toEdit, "message with poll to stop")
	switch {
	case err != nil:
		return nil, err
	case m.Poll == nil:
		return nil, refusal("Message is not a poll")
	case !w.own(m) || m.ForwardOrigin != nil:
		return nil, refusal("Poll can't be stopped")
	case m.Poll.IsClosed:
		return nil, refusal("Poll has already been closed")
	}
	m.ReplyMarkup = k
	closed := w.close(m.Poll)
	w.noteMessage("edit", m)
	return closed, nil
}
