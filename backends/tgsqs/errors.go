package tgsqs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/tghook/tghook"
)

// failed returns the error of an action of SQS. what names the action and the update.
func (q queue) failed(what, action string, err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		if advice := q.advice(action, answer.ErrorCode(), answer.ErrorMessage()); advice != "" {
			return fmt.Errorf("tgsqs: %s: %s: %s: %w", what, q.name, advice, err)
		}
	}
	return fmt.Errorf("tgsqs: %s: %s: %w", what, q.name, err)
}

// refused is the error of one message of a batch.
func refused(e *types.BatchResultErrorEntry) error {
	return &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}
}

// advice says what to do about an error of SQS. It is empty if nothing is known.
func (q queue) advice(action, code, text string) string {
	switch shortCode(code) {
	case "QueueDoesNotExist", "NonExistentQueue":
		return "there is no such queue; check " + q.field + ", and the region of the client"
	case "AccessDenied", "AccessDeniedException", "AccessDeniedFault":
		return "allow sqs:" + action + " on this queue for the role of the program"
	case "RequestThrottled", "ThrottlingException", "Throttling":
		return "more calls a second than the queue allows; set its attributes DeduplicationScope to messageGroup and FifoThroughputLimit to perMessageGroupId"
	case "KmsAccessDenied":
		return "allow kms:Decrypt and kms:GenerateDataKey on the key of this queue for the role of the program"
	case "InvalidParameterValue":
		if strings.Contains(text, "shorter than") {
			return "the update is too large; set the queue's attribute MaximumMessageSize to 1048576"
		}
	}
	return ""
}

// isLost reports whether err says that a receipt handle no longer holds.
func isLost(err error) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) &&
		slices.Contains([]string{"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"}, shortCode(answer.ErrorCode()))
}

// shortCode is a code without the prefix that SQS sets before some.
func shortCode(code string) string {
	return strings.TrimPrefix(code, "AWS.SimpleQueueService.")
}

// lost is the error of a method whose lease does not hold.
func lost(what string) error {
	return fmt.Errorf("tgsqs: %s: SQS holds the update for somebody else, or its lease has run out: %w", what, tghook.ErrClaimLost)
}
