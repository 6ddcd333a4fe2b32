/** What both ends of a session (proto/session.proto) keep to. */

/** Calls of one session without an answer. A server refuses further ones; our client keeps them back. */
export const SESSION_CALLS_MAX = 1000;

/** Calls or answers are put together up to this size, so that a small one does not wait behind megabytes of others. */
export const SESSION_FRAME_BYTES = 256 * 1024;

/** What a message's envelope may take besides the message. */
export const SESSION_ENVELOPE_BYTES = 1024;

/** About what a small answer takes in a frame besides its message. */
export const SESSION_ANSWER_OVERHEAD_BYTES = 64;
