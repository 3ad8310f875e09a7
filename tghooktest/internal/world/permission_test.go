package world

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// truths returns the names of the fields that are true, in their order.
func truths(text string) string {
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		if name, ok := strings.CutSuffix(strings.TrimRight(part, "}"), ":true"); ok && !strings.Contains(name, "is_") {
			names = append(names, strings.TrimPrefix(strings.Trim(name, `{"`), "can_"))
		}
	}
	return strings.Join(names, " ")
}

const allMedia = "send_audios send_documents send_photos send_videos send_video_notes send_voice_notes"

func TestPermissionsIncludeOthersAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		params []string
		want   string
	}{
		{"nothing is given", []string{"permissions", `{}`}, ""},
		{"messages", []string{"permissions", `{"can_send_messages":true}`}, "send_messages react_to_messages"},
		{"one medium does not include messages", []string{"permissions", `{"can_send_photos":true}`}, "send_photos"},
		{"the old permission for media includes messages", []string{"permissions", `{"can_send_media_messages":true}`}, "send_messages " + allMedia + " react_to_messages"},
		{
			"the old permission for media alone, if permissions are independent",
			[]string{"permissions", `{"can_send_media_messages":true}`, "use_independent_chat_permissions", "true"},
			allMedia,
		},
		{"a newer permission for media makes the old one void", []string{"permissions", `{"can_send_media_messages":true,"can_send_photos":false}`}, ""},
		{"other messages include media and messages", []string{"permissions", `{"can_send_other_messages":true}`}, "send_messages " + allMedia + " send_other_messages react_to_messages"},
		{
			"web page previews include media and messages",
			[]string{"permissions", `{"can_add_web_page_previews":true}`},
			"send_messages " + allMedia + " add_web_page_previews react_to_messages",
		},
		{"polls include messages", []string{"permissions", `{"can_send_polls":true}`}, "send_messages send_polls react_to_messages"},
		{"independent polls do not", []string{"permissions", `{"can_send_polls":true}`, "use_independent_chat_permissions", "1"}, "send_polls"},
		{
			"independent other messages do not",
			[]string{"permissions", `{"can_send_other_messages":true}`, "use_independent_chat_permissions", "true"},
			"send_other_messages",
		},
		{"pins include topics", []string{"permissions", `{"can_pin_messages":true}`}, "edit_tag pin_messages manage_topics"},
		{"pins include no topics that are refused", []string{"permissions", `{"can_pin_messages":true,"can_manage_topics":false}`}, "edit_tag pin_messages"},
		{"flat: none", nil, ""},
		{"flat: messages", []string{"can_send_messages", "true"}, "send_messages react_to_messages"},
		{"flat: media include messages", []string{"can_send_media_messages", "true"}, "send_messages " + allMedia + " react_to_messages"},
		{"flat: other messages include media and messages", []string{"can_send_other_messages", "true"}, "send_messages " + allMedia + " send_other_messages react_to_messages"},
		{
			"flat: web page previews include media and messages",
			[]string{"can_add_web_page_previews", "true"},
			"send_messages " + allMedia + " add_web_page_previews react_to_messages",
		},
		{
			"flat: independent other messages do not",
			[]string{"can_send_other_messages", "true", "use_independent_chat_permissions", "true"},
			"send_other_messages",
		},
		{"flat: permissions win", []string{"can_send_messages", "true", "permissions", `{}`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			s.expect("true", s.call("restrictChatMember", append(c.params, "chat_id", "team", "user_id", "ben")...))
			assert.Equal(t, c.want, truths(s.call("getChatMember", "chat_id", "team", "user_id", "ben")))
		})
	}
}

func TestAllFlatPermissionsEndARestriction(t *testing.T) {
	t.Parallel()
	s := set(t)
	ben := []string{"chat_id", "team", "user_id", "ben"}
	s.expect("true", s.call("restrictChatMember", slices.Concat(ben, []string{"permissions", `{"can_invite_users":true}`})...))
	s.expect("true", s.call("restrictChatMember", slices.Concat(ben, []string{"can_send_messages", "true"})...))
	assert.Equal(t, "send_messages react_to_messages invite_users", truths(s.call("getChatMember", ben...)), "flat permissions keep those that are newer")
	s.expect("true", s.call("restrictChatMember", slices.Concat(ben, []string{"can_send_other_messages", "true", "can_add_web_page_previews", "true"})...))
	s.expect(`{"user":BEN,"status":"member"}`, s.call("getChatMember", ben...))
}

func TestFlatPermissionsBelongToRestrictChatMemberAlone(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect("true", s.call("setChatPermissions", "chat_id", "team", "can_send_messages", "true"))
	var chat struct {
		Permissions json.RawMessage `json:"permissions"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.call("getChat", "chat_id", "team")), &chat))
	assert.Empty(t, truths(string(chat.Permissions)))
	s.expect("true", s.call("setChatPermissions", "chat_id", "team", "permissions", `{"can_send_polls":true}`))
	require.NoError(t, json.Unmarshal([]byte(s.call("getChat", "chat_id", "team")), &chat))
	assert.Equal(t, "send_messages send_polls react_to_messages", truths(string(chat.Permissions)))
	s.expect(`400 Bad Request: can't parse chat permissions: Field "can_send_polls" must be of type Boolean`,
		s.call("setChatPermissions", "chat_id", "team", "permissions", `{"can_send_polls":1}`))
}
