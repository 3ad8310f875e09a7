package world

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAPollIsSentVotedOnAndStopped(t *testing.T) {
	t.Parallel()
	s := set(t)
	sent := got(t, s.call("sendPoll", "chat_id", "zoe", "question", "*Lunch?*", "question_parse_mode", "Markdown", "options", `["Pizza",{"text":"Pasta"}]`,
		"is_anonymous", "false", "allows_multiple_answers", "true"))
	s.expect(`{"id":"`+sent.Poll.ID+`","question":"Lunch?","options":[{"persistent_id":"0","text":"Pizza","voter_count":0},{"persistent_id":"1","text":"Pasta","voter_count":0}],`+
		`"total_voter_count":0,"is_closed":false,"is_anonymous":false,"type":"regular","allows_multiple_answers":true,"allows_revoting":true,"members_only":false}`, string(marshal(sent.Poll)))
	require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, sent.ID, "Pasta"))
	s.o.take()

	const keyboard = `{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}`
	closed := `{"id":"` + sent.Poll.ID + `","question":"Lunch?","options":[{"persistent_id":"0","text":"Pizza","voter_count":0},{"persistent_id":"1","text":"Pasta","voter_count":1}],` +
		`"total_voter_count":1,"is_closed":true,"is_anonymous":false,"type":"regular","allows_multiple_answers":true,"allows_revoting":true,"members_only":false}`
	s.play([]act{
		{"stopPoll", []string{"chat_id", "zoe", "message_id", "2", "reply_markup", keyboard}, closed},
		{"stopPoll", []string{"chat_id", "zoe", "message_id", "2"}, `400 Bad Request: poll has already been closed`},
		{"stopPoll", []string{"chat_id", "zoe", "message_id", "1"}, `400 Bad Request: message is not a poll`},
		{"stopPoll", []string{"chat_id", "zoe", "message_id", "9"}, `400 Bad Request: message with poll to stop not found`},
		{"editMessageText", []string{"chat_id", "zoe", "message_id", "2", "text", "x"}, `400 Bad Request: there is no text in the message to edit`},
	})
	assert.Equal(t, []string{"poll " + closed}, s.o.take())
	assert.Contains(t, string(s.Messages(s.zoe.ID)[1].JSON), `"reply_markup":`+keyboard)

	s.call("forwardMessage", "chat_id", "team", "from_chat_id", "zoe", "message_id", "2")
	s.expect(`400 Bad Request: poll can't be stopped`, s.call("stopPoll", "chat_id", "team", "message_id", "3"))
	s.call("copyMessage", "chat_id", "team", "from_chat_id", "zoe", "message_id", "2")
	forward, anew := s.Messages(s.team.ID)[2], s.Messages(s.team.ID)[3]
	assert.Contains(t, string(forward.JSON), sent.Poll.ID)
	assert.NotContains(t, string(anew.JSON), sent.Poll.ID)
	assert.Contains(t, string(anew.JSON), `"total_voter_count":0`)
	assert.NotContains(t, string(anew.JSON), `"voter_count":1`)
}

func TestAQuizHasAnAnswer(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, answer := range []string{"correct_option_id", "correct_option_ids"} {
		value := map[string]string{"correct_option_id": "1", "correct_option_ids": "[1]"}[answer]
		m := s.call("sendPoll", "chat_id", "zoe", "question", "Q", "options", `["a","b"]`, "type", "quiz", answer, value, "explanation", "<b>why</b>", "explanation_parse_mode", "HTML")
		assert.Contains(t, m, `"type":"quiz","allows_multiple_answers":false,"allows_revoting":false,"members_only":false,"correct_option_id":1,"correct_option_ids":[1],"explanation":"why",`+
			`"explanation_entities":[{"offset":0,"length":3,"type":"bold"}]}`)
	}
}

func TestAnExplanationWithoutMarksHasAnEmptyListOfEntities(t *testing.T) {
	t.Parallel()
	s := set(t)
	quiz := func(more ...string) string {
		return s.call("sendPoll", append([]string{"chat_id", "zoe", "question", "Q", "options", `["a","b"]`, "type", "quiz", "correct_option_ids", "[0]"}, more...)...)
	}
	assert.Contains(t, quiz("explanation", "why"), `"explanation":"why","explanation_entities":[]}`)
	assert.NotContains(t, quiz(), `"explanation`)
}

func TestAPollTellsWhatItWasSentWith(t *testing.T) {
	t.Parallel()
	s := set(t)
	assert.Contains(t, s.call("sendPoll", "chat_id", "zoe", "question", "Q", "options", `["a"]`, "members_only", "true", "country_codes", `["PT","FR"]`,
		"description", "<b>why</b>", "description_parse_mode", "HTML"),
		`"allows_revoting":true,"members_only":true,"country_codes":["PT","FR"],"description":"why","description_entities":[{"offset":0,"length":3,"type":"bold"}]}`)
	assert.Equal(t, `400 Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`,
		s.call("sendPoll", "chat_id", "zoe", "question", "Q", "options", `["a"]`, "description", "<b>why", "description_parse_mode", "HTML"))
}

func TestAVoteStaysWhereRevotingIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := set(t)
	for i, more := range [][]string{{"allows_revoting", "false"}, {"type", "quiz", "correct_option_ids", "[0]"}} {
		s.call("sendPoll", append([]string{"chat_id", "zoe", "question", "Q", "options", `["a","b"]`}, more...)...)
		id := int64(2 + i)
		require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, id, "a"))
		require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, id, "a"), "which changes nothing")
		require.EqualError(t, s.Vote(s.zoe.ID, s.zoe.ID, id, "b"), `the poll "Q" does not let users change their vote; send it with allows_revoting`)
		require.Error(t, s.Vote(s.zoe.ID, s.zoe.ID, id))
	}
	s.call("sendPoll", "chat_id", "zoe", "question", "Q", "options", `["a","b"]`, "type", "quiz", "correct_option_ids", "[0]", "allows_revoting", "true")
	require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, 4, "a"))
	require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, 4, "b"))
}

func TestPollsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	poll := func(question, options string, more ...string) []string {
		return append([]string{"chat_id", "zoe", "question", question, "options", options}, more...)
	}
	s.play([]act{
		{"sendPoll", poll("", `["a"]`), `400 Bad Request: text must be non-empty`},
		{"sendPoll", poll(strings.Repeat("x", 301), `["a"]`), `400 Bad Request: poll question length must not exceed 300`},
		{"sendPoll", poll("x", ``), `400 Bad Request: can't parse options JSON object`},
		{"sendPoll", poll("x", `{}`), `400 Bad Request: expected an Array of String as options`},
		{"sendPoll", poll("x", `[]`), `400 Bad Request: poll must have at least one answer option`},
		{"sendPoll", poll("x", `[1]`), `400 Bad Request: can't parse InputPollOption: Expected InputPollOption to be an Object`},
		{"sendPoll", poll("x", `[{}]`), `400 Bad Request: can't parse InputPollOption: Can't find field "text"`},
		{"sendPoll", poll("x", `["`+strings.Repeat("x", 101)+`"]`), `400 Bad Request: poll options length must not exceed 100`},
		{"sendPoll", poll("x", `[`+strings.Repeat(`"x",`, 12)+`"x"]`), `400 Bad Request: poll can't have more than 12 options`},
		{"sendPoll", poll("x", `["a"]`, "type", "survey"), `400 Bad Request: unsupported poll type specified`},
		{"sendPoll", poll("x", `["a"]`, "type", "quiz"), `400 Bad Request: wrong correct option ID specified`},
		{"sendPoll", poll("x", `["a"]`, "type", "quiz", "correct_option_id", "1"), `400 Bad Request: wrong correct option ID specified`},
	})
}
