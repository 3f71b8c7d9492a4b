import { memoryLog } from '../../../../src/server/index.ts'
import { describeDocumentLog } from './conformance.ts'

describeDocumentLog('the memory log', async () => async () => memoryLog())
