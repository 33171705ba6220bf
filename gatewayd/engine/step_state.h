/* Step state: where one component on one device stands in one job.
 *
 * Pure data, two tables on one screen (step_state.c): what an event makes of a state, and what a
 * state wants to do about what the device was last seen to be. The state is stored; what was seen
 * is not: after a restart every device is asked first. Only the device's own answer moves a step
 * forward; the result of a call never does.
 */
#ifndef ENGINE_STEP_STATE_H
#define ENGINE_STEP_STATE_H

/* Stored as these numbers; never renumber. */
enum step_state {
    STEP_INVALID = 0, /* never stored; what a forbidden event returns */
    STEP_WAITING,     /* nothing done yet */
    STEP_FETCHING,    /* its image is being made ready */
    STEP_STAGING,     /* its image is ready and goes into the spare slot */
    STEP_STAGED,      /* complete and verified by the device; the old image runs */
    STEP_ACTIVATING,  /* told to switch */
    STEP_TRIAL,       /* runs the new image, its self-test has not ended */
    STEP_PASSED,      /* runs the new image on trial, its self-test passed */
    STEP_CONFIRMING,  /* its group is committed: only forward */
    STEP_DONE,        /* confirmed; final */
    STEP_REVERTING,   /* is being taken back to its old image */
    STEP_FAILED,      /* final, `error` says why; the old image runs */
    STEP_SKIPPED,     /* final, never activated: it had this image already, or `error` says why */
    STEP_STATES
};

enum step_event {
    EVENT_WANT_IMAGE, /* the engine asks for its image */
    EVENT_IMAGE,      /* the image is ready */
    EVENT_ACTIVATE,   /* it is its group's turn */
    EVENT_COMMIT,     /* the group's commit record is stored in the same transaction */
    EVENT_UNDO,       /* its group failed, or the job was cancelled */
    EVENT_FAIL,       /* this step cannot succeed */
    EVENT_REVERTED, /* Revert was answered, and after it the device says that it runs the old one */
    EVENT_RETRY,    /* an operator starts it anew */
    EVENT_SEEN_OLD, /* runs the old image, the new one is not (wholly) there */
    EVENT_SEEN_STAGED,
    EVENT_SEEN_TRIAL, /* on trial, self-test running */
    EVENT_SEEN_PASSED,
    EVENT_SEEN_CONFIRMED,
    EVENT_SEEN_REJECTED, /* the device refused the new image, or its trial failed */
    STEP_EVENTS
};

/* What the device last said of the image of a step. */
enum seen {
    SEEN_NOTHING = 0, /* must be asked */
    SEEN_OLD,
    SEEN_STAGED,
    SEEN_TRIAL,
    SEEN_PASSED,
    SEEN_CONFIRMED,
    SEEN_REJECTED,
    SEEN_KINDS
};

/* What is done about it on the bus. */
enum verb {
    VERB_NONE = 0,
    VERB_IDENTIFY, /* ask what it is */
    VERB_STAGE,
    VERB_ACTIVATE,
    VERB_CONFIRM,
    VERB_REVERT,
    VERB_POLL, /* ask again in ENGINE_POLL_MS; reaches the bus as VERB_IDENTIFY */
    VERBS
};

/* The state after `event`; STEP_INVALID when it cannot happen in `state`. */
enum step_state step_next(enum step_state state, enum step_event event);

/* What a step in `state` wants from the bus when its device was seen like this. */
enum verb step_wants(enum step_state state, enum seen seen);

/* The event that an answer of the device is; `seen` is not SEEN_NOTHING. */
enum step_event step_event_of(enum seen seen);

/* The words of io.gatewayd.Control type Step ("waiting", ...). */
const char *step_state_word(enum step_state state);
const char *verb_word(enum verb verb); /* "identify", ... */

#endif
