/* SPDX-License-Identifier: ISC */
/*
 * libpq, loaded when a store on PostgreSQL is named: it and what it brings
 * along are 5 MiB, which a relay on SQLite does without.  What stands in the
 * list below is called by its own name, once pg_lib_open has returned 0.
 */
#ifndef SERVER_PG_LIB_H
#define SERVER_PG_LIB_H

#include <libpq-fe.h>

#include "base/attr.h"

/* clang-format off */
#define PG_LIB_TABLE(X)                                                        \
	X(clear) X(conndefaults) X(connectPoll) X(connectStartParams)          \
	X(connectdbParams) X(conninfoFree) X(conninfoParse) X(consumeInput)    \
	X(enterPipelineMode) X(errorMessage) X(exec) X(finish) X(flush)        \
	X(freemem) X(getResult) X(getlength) X(getvalue) X(isBusy) X(notifies) \
	X(ntuples) X(pipelineSync) X(resultErrorField) X(resultErrorMessage)   \
	X(resultStatus) X(sendFlushRequest) X(sendPrepare) X(sendQueryParams)  \
	X(sendQueryPrepared) X(setErrorVerbosity) X(setNoticeReceiver)         \
	X(setnonblocking) X(socket) X(status)
/* clang-format on */

#define PG_LIB_MEMBER_(name) __typeof__(PQ##name) *(name);
struct pg_lib {
	PG_LIB_TABLE(PG_LIB_MEMBER_)
};
#undef PG_LIB_MEMBER_

extern struct pg_lib pg_lib;

/* Again: 0.  ERR_IO: there is no libpq, or one that is too old. */
int pg_lib_open(void) MUST_USE;

#define PQclear              pg_lib.clear
#define PQconndefaults       pg_lib.conndefaults
#define PQconnectPoll        pg_lib.connectPoll
#define PQconnectStartParams pg_lib.connectStartParams
#define PQconnectdbParams    pg_lib.connectdbParams
#define PQconninfoFree       pg_lib.conninfoFree
#define PQconninfoParse      pg_lib.conninfoParse
#define PQconsumeInput       pg_lib.consumeInput
#define PQenterPipelineMode  pg_lib.enterPipelineMode
#define PQerrorMessage       pg_lib.errorMessage
#define PQexec               pg_lib.exec
#define PQfinish             pg_lib.finish
#define PQflush              pg_lib.flush
#define PQfreemem            pg_lib.freemem
#define PQgetResult          pg_lib.getResult
#define PQgetlength          pg_lib.getlength
#define PQgetvalue           pg_lib.getvalue
#define PQisBusy             pg_lib.isBusy
#define PQnotifies           pg_lib.notifies
#define PQntuples            pg_lib.ntuples
#define PQpipelineSync       pg_lib.pipelineSync
#define PQresultErrorField   pg_lib.resultErrorField
#define PQresultErrorMessage pg_lib.resultErrorMessage
#define PQresultStatus       pg_lib.resultStatus
#define PQsendFlushRequest   pg_lib.sendFlushRequest
#define PQsendPrepare        pg_lib.sendPrepare
#define PQsendQueryParams    pg_lib.sendQueryParams
#define PQsendQueryPrepared  pg_lib.sendQueryPrepared
#define PQsetErrorVerbosity  pg_lib.setErrorVerbosity
#define PQsetNoticeReceiver  pg_lib.setNoticeReceiver
#define PQsetnonblocking     pg_lib.setnonblocking
#define PQsocket             pg_lib.socket
#define PQstatus             pg_lib.status

#endif
