/* SPDX-License-Identifier: GPL-2.0 */
/* Payload that waits for more: MSG_MORE and UDP_CORK. */
#ifndef KDTLS_CORKED_H
#define KDTLS_CORKED_H

#include <linux/mutex.h>
#include <linux/types.h>

/**
 * struct kdtls_corked - a message in the making
 * @lock: protects the rest; also held while the message is sent, so that the
 *	next one does not overtake it
 * @pending: there is one
 * @type: content type of its records
 * @flags: MSG_ flags of the call that began it
 * @gso: plaintext segment size, 0 for none
 * @data: its payload
 * @len: bytes of it
 * @room: bytes allocated at @data
 * @control: the control messages of the call that began it
 * @controllen: their bytes
 *
 * As with UDP, the first call says how the message is sent and the others only
 * add to it. It stays plaintext until it is complete: nobody knows before which
 * keys will seal it.
 */
struct kdtls_corked {
	struct mutex	lock;	/* see above */
	bool		pending;
	u8		type;
	int		flags;
	u32		gso;
	u8		*data;
	u32		len;
	u32		room;
	void		*control;
	size_t		controllen;
};

void kdtls_corked_init(struct kdtls_corked *corked);
void kdtls_corked_free(struct kdtls_corked *corked);

#endif /* KDTLS_CORKED_H */
